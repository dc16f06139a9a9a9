//! What is seen of calls: their trace by the servers, their numbers by Prometheus.

use metrics_exporter_prometheus::PrometheusBuilder;
use observed::House;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What is answered to a GET.
async fn get(house: &House, path: &str) -> String {
    let mut stream = TcpStream::connect(house.addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

// One test: a process has one recorder.
#[tokio::test]
async fn one_trace_goes_through_both_servers_and_prometheus_is_told_of_the_calls() {
    let metrics = PrometheusBuilder::new().install_recorder().unwrap();
    let house = House::open(metrics).await.unwrap();
    let customer = house.customer().await.unwrap();

    let found = customer.find("apples".to_owned()).await.unwrap();
    let [shop, store] = &found.traces[..] else { panic!("{found:?}") };
    assert_eq!(shop, store);
    assert_eq!(shop.len(), 32);
    let other = customer.find("pears".to_owned()).await.unwrap();
    assert_ne!(&other.traces[0], shop, "each call of a customer's begins a trace");
    assert!(customer.find("plums".to_owned()).await.is_err());

    let scraped = get(&house, "/metrics").await;
    for line in [
        "hardlight_server_calls{rpc_method=\"Shop/find\",rpc_status_code=\"OK\"} 2",
        "hardlight_server_calls{rpc_method=\"Shop/find\",rpc_status_code=\"APPLICATION_ERROR\"} 1",
        "hardlight_server_calls{rpc_method=\"Stock/count\",rpc_status_code=\"OK\"} 2",
        "hardlight_client_calls{rpc_method=\"Shop/find\",rpc_status_code=\"OK\"} 2",
        "hardlight_server_calls_active{rpc_method=\"Shop/find\"} 0",
        "hardlight_client_connections_open 2",
    ] {
        assert!(scraped.lines().any(|other| other == line), "{line} is not in\n{scraped}");
    }
    let timed = "rpc_server_call_duration_count{rpc_system_name=\"hardlight\",rpc_method=\"Shop/find\",rpc_status_code=\"OK\"} 2";
    assert!(scraped.contains(timed), "{scraped}");

    assert!(get(&house, "/rpc").await.starts_with("HTTP/1.1 426"), "no WebSocket");
    let scraped = get(&house, "/metrics").await;
    assert!(scraped.contains("hardlight_server_handshakes_refused{reason=\"426\"} 1"), "{scraped}");
}
