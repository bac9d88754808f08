# Logs, alarms and the dashboard. docs/deploy.md says what to do about each alarm.
locals {
  notify = var.alarm_topic_arn == "" ? null : [var.alarm_topic_arn]

  alarm = {
    description         = "The function raised, crashed or timed out."
    namespace           = "AWS/Lambda"
    metric_name         = "Errors"
    statistic           = "Sum"
    evaluation_periods  = 1
    threshold           = 1
    treat_missing_data  = "notBreaching"
    period              = 300
    comparison_operator = "GreaterThanOrEqualToThreshold"
  }
  throttles = merge(local.alarm, {
    description = "The function reached its reserved concurrency, or that of the account."
    metric_name = "Throttles"
  })

  # enrich_next has none: a change of model is watched by who makes it.
  watched = setsubtract(keys(local.functions), ["EnrichNext"])
  alarms = merge(
    { for key in local.watched : "${key}Errors" => merge(local.alarm, { dimensions = { FunctionName = local.names[key] } }) },
    { for key in local.watched : "${key}Throttles" => merge(local.throttles, { dimensions = { FunctionName = local.names[key] } }) },
    {
      ApiFailures = merge(local.alarm, {
        description        = "More than one request in twenty was answered 5xx, for ten minutes."
        namespace          = "AWS/ApiGateway"
        metric_name        = "5XXError"
        statistic          = "Average"
        evaluation_periods = 2
        threshold          = 0.05
        dimensions         = { ApiName = var.name, Stage = var.stage_name }
      })
      OutboxTooOld = merge(local.alarm, {
        description        = "An event has waited for Kafka for five minutes, or the relay does not run."
        namespace          = "EventMesh"
        metric_name        = "OutboxAge"
        statistic          = "Maximum"
        evaluation_periods = 2
        threshold          = 300
        treat_missing_data = "breaching"
        dimensions         = { service = "relay_events" }
      })
      DeadLettersCame = merge(local.alarm, {
        description = "A record could not be processed, and lies in the dead-letter topic."
        namespace   = "EventMesh"
        metric_name = "DeadLetters"
        dimensions  = { service = "enrich" }
      })
      EnrichFallsBehind = merge(local.alarm, {
        description        = "A thousand records have waited for fifteen minutes; enrich fails or is too slow."
        metric_name        = "OffsetLag"
        statistic          = "Maximum"
        evaluation_periods = 3
        threshold          = 1000
        dimensions         = { FunctionName = local.names["Enrich"] }
      })
    },
  )
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = local.names

  name              = "/aws/lambda/${each.value}"
  retention_in_days = var.log_retention_days
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric_name
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.evaluation_periods
  threshold           = each.value.threshold
  comparison_operator = each.value.comparison_operator
  treat_missing_data  = each.value.treat_missing_data
  dimensions          = each.value.dimensions
  alarm_actions       = local.notify
  ok_actions          = local.notify
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = templatefile("${path.module}/dashboard.json.tftpl", {
    name      = var.name
    region    = local.region
    functions = local.names
  })
}
