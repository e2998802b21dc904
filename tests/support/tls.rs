//! A server that speaks TLS, and a tunnel to it for clients that do not.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// What both sides have to know.
pub struct Tls {
    pub server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl Tls {
    /// With a certificate of its own, for `localhost`.
    pub fn new() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let (provider, chain) = (Arc::new(aws_lc_rs::default_provider()), vec![cert.der().clone()]);
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let server = server.expect("versions").with_no_client_auth().with_single_cert(chain, key).expect("they belong");
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).expect("it is a root");
        let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let client = client.expect("versions").with_root_certificates(roots).with_no_client_auth();
        Self { server: Arc::new(server), client: Arc::new(client) }
    }

    /// Where whatever comes in plain goes on to `server` in TLS.
    pub async fn tunnel(&self, server: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let connector = TlsConnector::from(Arc::clone(&self.client));
        tokio::spawn(async move {
            while let Ok((plain, _)) = listener.accept().await {
                tokio::spawn(carry(connector.clone(), plain, server));
            }
        });
        address
    }
}

async fn carry(connector: TlsConnector, mut plain: TcpStream, server: SocketAddr) {
    let stream = TcpStream::connect(server).await.expect("the server accepts connections");
    let name = ServerName::try_from("localhost").expect("a name");
    let mut tls = connector.connect(name, stream).await.expect("both sides know the certificate");
    copy_bidirectional(&mut plain, &mut tls).await.ok();
}
