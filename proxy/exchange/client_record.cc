#include "proxy/exchange/client_record.h"

namespace sluice::exchange {
namespace {

void AddTls(const net::SecureLayer& secure, observe::AccessRecord& record) {
  record.tls_version = secure.version();
  record.tls_cipher = secure.cipher();
  record.server_name = secure.server_name();
  const net::PeerIdentity* const identity = secure.peer();
  if (identity == nullptr) return;
  record.peer_subject = identity->subject;
  record.peer_issuer = identity->issuer;
  record.peer_serial = identity->serial;
  record.peer_sha256 = identity->sha256;
  record.peer_dns = identity->dns_list;
  record.peer_uri = identity->uri_list;
}

}  // namespace

void AddConnection(const net::SecureLayer* secure, const net::ProxyHeader* proxy_header,
                   observe::AccessRecord& record) {
  if (secure != nullptr) AddTls(*secure, record);
  if (proxy_header == nullptr) return;
  record.tlvs = &proxy_header->tlvs;
  record.find_tlv = [](const void* tlvs, uint8_t type) {
    return static_cast<const net::ProxyTlvs*>(tlvs)->Find(type);
  };
}

}  // namespace sluice::exchange
