//! IAM, STS and DynamoDB with IAM enforced: fakecloud's services and nothing else.
//!
//! usage: iam-dynamodb 127.0.0.1:PORT
//! Only tests run it; it is never shipped (fakecloud is AGPL-3.0, this project Apache-2.0).
use std::sync::Arc;

use axum::{extract::Extension, Router};
use fakecloud_core::auth::IamMode;
use fakecloud_core::dispatch::{self, DispatchConfig};
use fakecloud_core::multi_account::MultiAccountState;
use fakecloud_core::registry::ServiceRegistry;
use parking_lot::RwLock;

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";

#[tokio::main]
async fn main() {
    let addr = std::env::args().nth(1).expect("usage: iam-dynamodb HOST:PORT");
    let listener = tokio::net::TcpListener::bind(&addr).await.expect("bind");
    let endpoint = format!("http://{addr}");
    let iam = Arc::new(RwLock::new(MultiAccountState::new(ACCOUNT, REGION, &endpoint)));
    let dynamodb = Arc::new(RwLock::new(MultiAccountState::new(ACCOUNT, REGION, &endpoint)));

    let mut registry = ServiceRegistry::new();
    registry.register(Arc::new(fakecloud_iam::iam_service::IamService::new(iam.clone())));
    registry.register(Arc::new(fakecloud_iam::sts_service::StsService::new(iam.clone())));
    registry.register(Arc::new(fakecloud_dynamodb::DynamoDbService::new(dynamodb.clone())));

    let mut config = DispatchConfig::new(REGION, ACCOUNT);
    config.verify_sigv4 = true;
    config.iam_mode = IamMode::Strict;
    config.credential_resolver = Some(fakecloud_iam::credential_resolver::IamCredentialResolver::shared(iam.clone()));
    config.policy_evaluator = Some(fakecloud_iam::policy_evaluator::IamPolicyEvaluatorImpl::shared(iam.clone()));
    config.resource_policy_provider = Some(fakecloud_core::auth::MultiResourcePolicyProvider::shared(vec![
        fakecloud_iam::resource_policy::StsResourcePolicyProvider::shared(iam.clone()),
        fakecloud_dynamodb::resource_policy::DynamoDbResourcePolicyProvider::shared(dynamodb),
    ]));
    let app = Router::new()
        .fallback(dispatch::dispatch)
        .layer(Extension(Arc::new(registry)))
        .layer(Extension(Arc::new(config)));
    axum::serve(listener, app.into_make_service_with_connect_info::<std::net::SocketAddr>()).await.expect("serve");
}
