// A provider for tests: it has the schema of hashicorp/aws, and makes nothing. What AWS would answer, such as an ARN,
// it makes up of the name; it is unknown until then, as with AWS. What it made is in the state alone.
package main

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

const (
	account = "111122223333"
	region  = "eu-central-1"
)

// What AWS answers: {NAME} is an attribute of the resource. What is not here is empty.
var answers = map[string]map[string]string{
	"aws_api_gateway_deployment": {"id": "deployment-of-{rest_api_id}"},
	"aws_api_gateway_rest_api": {
		"id":            "{name}-api",
		"arn":           "arn:aws:apigateway:" + region + "::/restapis/{name}-api",
		"execution_arn": "arn:aws:execute-api:" + region + ":" + account + ":{name}-api",
	},
	"aws_api_gateway_stage": {
		"id":         "{rest_api_id}-{stage_name}",
		"invoke_url": "https://{rest_api_id}.execute-api." + region + ".amazonaws.com/{stage_name}",
	},
	"aws_cloudwatch_dashboard":    {"id": "{dashboard_name}"},
	"aws_cloudwatch_event_rule":   {"id": "{name}", "arn": "arn:aws:events:" + region + ":" + account + ":rule/{name}"},
	"aws_cloudwatch_event_target": {"id": "{rule}-{target_id}"},
	"aws_cloudwatch_log_group":    {"id": "{name}", "arn": "arn:aws:logs:" + region + ":" + account + ":log-group:{name}"},
	"aws_cloudwatch_metric_alarm": {"id": "{alarm_name}"},
	"aws_dynamodb_table":          {"id": "{name}", "arn": "arn:aws:dynamodb:" + region + ":" + account + ":table/{name}"},
	"aws_iam_role":                {"id": "{name}", "arn": "arn:aws:iam::" + account + ":role/{name}"},
	"aws_iam_role_policy":         {"id": "{role}:{name}"},
	"aws_lambda_function": {
		"id":  "{function_name}",
		"arn": "arn:aws:lambda:" + region + ":" + account + ":function:{function_name}",
		"invoke_arn": "arn:aws:apigateway:" + region + ":lambda:path/2015-03-31/functions/arn:aws:lambda:" + region + ":" +
			account + ":function:{function_name}/invocations",
	},
	"aws_lambda_layer_version": {
		"id":        "arn:aws:lambda:" + region + ":" + account + ":layer:{layer_name}:1",
		"arn":       "arn:aws:lambda:" + region + ":" + account + ":layer:{layer_name}:1",
		"layer_arn": "arn:aws:lambda:" + region + ":" + account + ":layer:{layer_name}",
	},
	"aws_partition": {"id": "aws", "partition": "aws", "dns_suffix": "amazonaws.com", "reverse_dns_prefix": "com.amazonaws"},
	"aws_region":    {"id": region, "region": region, "name": region, "endpoint": "ec2." + region + ".amazonaws.com"},
}

type provider struct {
	tfprotov5.ProviderServer // what is not below, OpenTofu does not ask for
	read                     schemas
	// The same, as the protocol has them.
	provider    *tfprotov5.Schema
	resources   map[string]*tfprotov5.Schema
	dataSources map[string]*tfprotov5.Schema
}

func main() {
	made, err := newProvider()
	if err != nil {
		log.Fatal(err)
	}
	serve := func() tfprotov5.ProviderServer { return made }
	if err := tf5server.Serve("registry.opentofu.org/hashicorp/aws", serve); err != nil {
		log.Fatal(err)
	}
}

func newProvider() (*provider, error) {
	read, err := readSchemas()
	if err != nil {
		return nil, err
	}
	made := &provider{read: read, resources: map[string]*tfprotov5.Schema{}, dataSources: map[string]*tfprotov5.Schema{}}
	if made.provider, err = read.Provider.schema(); err != nil {
		return nil, err
	}
	for name, each := range read.Resources {
		if made.resources[name], err = each.schema(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for name, each := range read.DataSources {
		if made.dataSources[name], err = each.schema(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return made, nil
}

func (p *provider) GetMetadata(context.Context, *tfprotov5.GetMetadataRequest) (*tfprotov5.GetMetadataResponse, error) {
	answer := &tfprotov5.GetMetadataResponse{ServerCapabilities: &tfprotov5.ServerCapabilities{}}
	for name := range p.resources {
		answer.Resources = append(answer.Resources, tfprotov5.ResourceMetadata{TypeName: name})
	}
	for name := range p.dataSources {
		answer.DataSources = append(answer.DataSources, tfprotov5.DataSourceMetadata{TypeName: name})
	}
	return answer, nil
}

func (p *provider) GetProviderSchema(context.Context, *tfprotov5.GetProviderSchemaRequest) (*tfprotov5.GetProviderSchemaResponse, error) {
	return &tfprotov5.GetProviderSchemaResponse{
		Provider: p.provider, ResourceSchemas: p.resources, DataSourceSchemas: p.dataSources,
	}, nil
}

func (p *provider) GetResourceIdentitySchemas(context.Context, *tfprotov5.GetResourceIdentitySchemasRequest) (*tfprotov5.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov5.GetResourceIdentitySchemasResponse{}, nil
}

func (p *provider) PrepareProviderConfig(_ context.Context, asked *tfprotov5.PrepareProviderConfigRequest) (*tfprotov5.PrepareProviderConfigResponse, error) {
	return &tfprotov5.PrepareProviderConfigResponse{PreparedConfig: asked.Config}, nil
}

func (p *provider) ConfigureProvider(context.Context, *tfprotov5.ConfigureProviderRequest) (*tfprotov5.ConfigureProviderResponse, error) {
	return &tfprotov5.ConfigureProviderResponse{}, nil
}

func (p *provider) StopProvider(context.Context, *tfprotov5.StopProviderRequest) (*tfprotov5.StopProviderResponse, error) {
	return &tfprotov5.StopProviderResponse{}, nil
}

func (p *provider) ValidateResourceTypeConfig(context.Context, *tfprotov5.ValidateResourceTypeConfigRequest) (*tfprotov5.ValidateResourceTypeConfigResponse, error) {
	return &tfprotov5.ValidateResourceTypeConfigResponse{}, nil
}

func (p *provider) ValidateDataSourceConfig(context.Context, *tfprotov5.ValidateDataSourceConfigRequest) (*tfprotov5.ValidateDataSourceConfigResponse, error) {
	return &tfprotov5.ValidateDataSourceConfigResponse{}, nil
}

func (p *provider) UpgradeResourceState(_ context.Context, asked *tfprotov5.UpgradeResourceStateRequest) (*tfprotov5.UpgradeResourceStateResponse, error) {
	kind := p.resources[asked.TypeName].ValueType()
	value, err := asked.RawState.Unmarshal(kind)
	if err != nil {
		return nil, err
	}
	state, err := tfprotov5.NewDynamicValue(kind, value)
	return &tfprotov5.UpgradeResourceStateResponse{UpgradedState: &state}, err
}

func (p *provider) UpgradeResourceIdentity(context.Context, *tfprotov5.UpgradeResourceIdentityRequest) (*tfprotov5.UpgradeResourceIdentityResponse, error) {
	return &tfprotov5.UpgradeResourceIdentityResponse{}, nil
}

// ReadResource finds what is in the state: nobody changes it elsewhere.
func (p *provider) ReadResource(_ context.Context, asked *tfprotov5.ReadResourceRequest) (*tfprotov5.ReadResourceResponse, error) {
	return &tfprotov5.ReadResourceResponse{NewState: asked.CurrentState}, nil
}

// PlanResourceChange leaves unknown what AWS would answer to the creation.
func (p *provider) PlanResourceChange(_ context.Context, asked *tfprotov5.PlanResourceChangeRequest) (*tfprotov5.PlanResourceChangeResponse, error) {
	kind := p.resources[asked.TypeName].ValueType()
	prior, err := asked.PriorState.Unmarshal(kind)
	if err != nil {
		return nil, err
	}
	proposed, err := asked.ProposedNewState.Unmarshal(kind)
	if err != nil {
		return nil, err
	}
	if !prior.IsNull() || proposed.IsNull() {
		return &tfprotov5.PlanResourceChangeResponse{PlannedState: asked.ProposedNewState}, nil
	}
	planned, err := filled(proposed, kind, p.read.Resources[asked.TypeName], tftypes.Value.IsNull, unknown)
	if err != nil {
		return nil, err
	}
	state, err := tfprotov5.NewDynamicValue(kind, planned)
	return &tfprotov5.PlanResourceChangeResponse{PlannedState: &state}, err
}

// ApplyResourceChange makes up what AWS would answer.
func (p *provider) ApplyResourceChange(_ context.Context, asked *tfprotov5.ApplyResourceChangeRequest) (*tfprotov5.ApplyResourceChangeResponse, error) {
	kind := p.resources[asked.TypeName].ValueType()
	planned, err := asked.PlannedState.Unmarshal(kind)
	if err != nil {
		return nil, err
	}
	if planned.IsNull() {
		return &tfprotov5.ApplyResourceChangeResponse{NewState: asked.PlannedState}, nil
	}
	isUnknown := func(value tftypes.Value) bool { return !value.IsKnown() }
	made, err := filled(planned, kind, p.read.Resources[asked.TypeName], isUnknown, answered(asked.TypeName, planned))
	if err != nil {
		return nil, err
	}
	state, err := tfprotov5.NewDynamicValue(kind, made)
	return &tfprotov5.ApplyResourceChangeResponse{NewState: &state}, err
}

func (p *provider) ImportResourceState(_ context.Context, asked *tfprotov5.ImportResourceStateRequest) (*tfprotov5.ImportResourceStateResponse, error) {
	return nil, fmt.Errorf("this provider holds nothing that could be imported: %s %s", asked.TypeName, asked.ID)
}

func (p *provider) ReadDataSource(_ context.Context, asked *tfprotov5.ReadDataSourceRequest) (*tfprotov5.ReadDataSourceResponse, error) {
	kind := p.dataSources[asked.TypeName].ValueType()
	config, err := asked.Config.Unmarshal(kind)
	if err != nil {
		return nil, err
	}
	made, err := filled(config, kind, p.read.DataSources[asked.TypeName], tftypes.Value.IsNull, answered(asked.TypeName, config))
	if err != nil {
		return nil, err
	}
	state, err := tfprotov5.NewDynamicValue(kind, made)
	return &tfprotov5.ReadDataSourceResponse{State: &state}, err
}

func (p *provider) GetFunctions(context.Context, *tfprotov5.GetFunctionsRequest) (*tfprotov5.GetFunctionsResponse, error) {
	return &tfprotov5.GetFunctionsResponse{}, nil
}

// filled returns an object, each computed attribute for which `lacks` holds as `fill` gives it.
func filled(
	object tftypes.Value, kind tftypes.Type, of block,
	lacks func(tftypes.Value) bool, fill func(string, tftypes.Type) tftypes.Value,
) (tftypes.Value, error) {
	var attributes map[string]tftypes.Value
	if err := object.As(&attributes); err != nil {
		return object, err
	}
	for name, each := range of.Attributes {
		if each.Computed && lacks(attributes[name]) {
			attributes[name] = fill(name, kind.(tftypes.Object).AttributeTypes[name])
		}
	}
	return tftypes.NewValue(kind, attributes), nil
}

func unknown(_ string, kind tftypes.Type) tftypes.Value {
	return tftypes.NewValue(kind, tftypes.UnknownValue)
}

// answered returns what gives an attribute of a resource or data source its value, which no other depends on.
func answered(typeName string, object tftypes.Value) func(string, tftypes.Type) tftypes.Value {
	var attributes map[string]tftypes.Value
	_ = object.As(&attributes)
	return func(name string, kind tftypes.Type) tftypes.Value {
		if !kind.Is(tftypes.String) {
			return tftypes.NewValue(kind, nil)
		}
		answer := answers[typeName][name]
		for other, value := range attributes {
			var text string
			if value.IsKnown() && value.Type().Is(tftypes.String) && value.As(&text) == nil {
				answer = strings.ReplaceAll(answer, "{"+other+"}", text)
			}
		}
		return tftypes.NewValue(kind, answer)
	}
}
