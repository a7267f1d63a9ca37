//! The service that calls.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use reqwest::{Client, Url, redirect};

/// The other service, and how it is asked.
#[derive(Clone)]
struct Stock {
    client: Client,
    url: Url,
    key_file: PathBuf,
}

pub(crate) fn app() -> Result<Router, Box<dyn Error>> {
    let url = env::var("STOCK_URL").unwrap_or("http://127.0.0.1:3000".to_owned());
    let key_file = env::var_os("KEY_FILE").ok_or("set KEY_FILE to the file with the key")?;
    // A key goes to one service and nowhere else, so redirects are not followed.
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(Duration::from_secs(5))
        .build()?;
    let stock = Stock {
        client,
        url: url.parse()?,
        key_file: key_file.into(),
    };
    Ok(Router::new()
        .route("/orders", get(orders))
        .with_state(stock))
}

impl Stock {
    async fn count(&self) -> Result<String, Box<dyn Error + Send + Sync>> {
        // Read each time: a new key is used as soon as it is in the file.
        let key = tokio::fs::read_to_string(&self.key_file).await?;
        let answer = self
            .client
            .get(self.url.join("/stock")?)
            .bearer_auth(key.trim())
            .send()
            .await?;
        if answer.status() != StatusCode::OK {
            return Err(answer.status().to_string().into());
        }
        if answer.headers().contains_key("deprecation") {
            let until = answer.headers().get("sunset");
            tracing::warn!(
                ?until,
                "the key for stock was replaced, put the new one into KEY_FILE"
            );
        }
        Ok(answer.text().await?)
    }
}

/// Whatever is wrong with the key is this service's trouble and not its clients': 502, never 401.
async fn orders(State(stock): State<Stock>) -> Result<String, StatusCode> {
    stock.count().await.map_err(|error| {
        tracing::warn!(
            error = &*error as &(dyn Error + 'static),
            "stock did not answer"
        );
        StatusCode::BAD_GATEWAY
    })
}
