//! Makes some calls, and shows what is seen of them.

use hardlight::Error;
use metrics_exporter_prometheus::PrometheusBuilder;
use observed::House;
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::format::FmtSpan,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spans = Targets::new().with_target("hardlight::call", LevelFilter::DEBUG);
    let lines = tracing_subscriber::fmt::layer().with_span_events(FmtSpan::CLOSE);
    tracing_subscriber::registry().with(lines).with(spans).init();
    // Before the first server and the first client, which register what they record.
    let metrics = PrometheusBuilder::new().install_recorder()?;

    let house = House::open(metrics.clone()).await?;
    let customer = house.customer().await?;
    let found = customer.find("apples".to_owned()).await.map_err(|error| error.to_string())?;
    println!("{} apples, in the traces {:?}", found.number, found.traces);
    match customer.find("plums".to_owned()).await {
        Err(Error::Application(why)) => println!("{why}"),
        other => println!("{other:?}"),
    }
    println!("{}", metrics.render());

    if std::env::args().nth(1).as_deref() == Some("serve") {
        println!("scrape http://{}/metrics, until Ctrl-C", house.addr);
        tokio::signal::ctrl_c().await?;
    }
    Ok(())
}
