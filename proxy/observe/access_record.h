// What is known of one ended exchange: the exchange fills it, access logs print it.
//
// Plain views and numbers, alive until the call returns to which it is passed. A default one is an
// exchange of which nothing is known; empty views and negative durations are missing.
#pragma once

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "proxy/observe/response_flags.h"

namespace sluice::observe {

// 16 bytes, IPv4 as ::ffff:a.b.c.d. Written as text only where a log asks for it.
struct LogAddress {
  const std::array<uint8_t, 16>* ip = nullptr;
  uint16_t port = 0;
};

struct AccessRecord {
  enum class Side : uint8_t { kRequest, kResponse };
  // Stores the first header of the name, which is in lower case, in `value`; false if there is
  // none. This library knows nothing of header maps.
  using FindHeader = bool (*)(const void* context, Side side, absl::string_view name,
                              absl::string_view* value);

  // What a balancer in front said by the PROXY protocol, by the type of its TLV; "" if nothing.
  using FindTlv = absl::string_view (*)(const void* context, uint8_t type);

  int64_t start_unix_ns = 0;
  int64_t duration_ns = -1;           // To the last byte of the response.
  int64_t request_duration_ns = -1;   // To the last byte of the request.
  int64_t response_duration_ns = -1;  // To the first byte of the upstream's response.

  // As the client sent them, before any plugin.
  absl::string_view method;
  absl::string_view path;  // With the query.
  absl::string_view authority;
  absl::string_view scheme;
  absl::string_view protocol;
  FindHeader find_header = nullptr;
  const void* headers = nullptr;  // Passed to it.

  int response_code = 0;  // 0: none was sent.
  absl::string_view details;
  ResponseFlags flags;
  uint64_t bytes_received = 0;
  uint64_t bytes_sent = 0;

  LogAddress remote;         // The client.
  LogAddress direct_remote;  // The connection's peer.
  LogAddress local;
  uint64_t connection_id = 0;

  absl::string_view request_id;
  absl::string_view listener;
  absl::string_view route;
  absl::string_view consumer;
  absl::string_view upstream;
  absl::string_view upstream_host;
  absl::string_view upstream_transport_failure;  // Of TLS.
  uint32_t attempts = 0;
  uint64_t generation = 0;
  absl::string_view node;
  absl::string_view hostname;

  FindTlv find_tlv = nullptr;
  const void* tlvs = nullptr;  // Passed to it.

  // Of a client that came over TLS, and of the certificate that it showed.
  absl::string_view tls_version;
  absl::string_view tls_cipher;
  absl::string_view server_name;
  absl::string_view peer_subject;
  absl::string_view peer_issuer;
  absl::string_view peer_serial;
  absl::string_view peer_sha256;
  absl::string_view peer_dns;
  absl::string_view peer_uri;
};

}  // namespace sluice::observe
