// The access record of an exchange that has ended.

#include "proxy/exchange/client_record.h"
#include "proxy/exchange/exchange.h"
#include "proxy/observe/access_record.h"

namespace sluice::exchange {
namespace {

bool FindHeader(const void* context, observe::AccessRecord::Side side, absl::string_view name,
                absl::string_view* value) {
  const auto& exchange = *static_cast<const Exchange*>(context);
  const http::HeaderMap& headers = side == observe::AccessRecord::Side::kRequest
                                       ? exchange.request().headers
                                       : exchange.response().headers;
  const http::HeaderMap::Entry* entry = headers.Find(name);
  if (entry != nullptr) *value = entry->value();
  return entry != nullptr;
}

int64_t Since(int64_t start_ns, int64_t at_ns) { return at_ns == 0 ? -1 : at_ns - start_ns; }

}  // namespace

void Exchange::WriteLog() {
  const net::Address& peer = client_.peer_address();
  const observe::AccessLogFormat& format = listener_.access_log->format;
  const net::Address local = format.uses_local_address() ? client_.local_address() : net::Address();
  observe::AccessRecord record;
  record.start_unix_ns = worker_.UnixNanos(summary_.start_ns);
  record.duration_ns = summary_.end_ns - summary_.start_ns;
  record.request_duration_ns = Since(summary_.start_ns, summary_.request_end_ns);
  record.response_duration_ns = Since(summary_.start_ns, summary_.response_head_ns);
  record.method = summary_.method;
  record.path = summary_.target;
  record.authority = summary_.authority;
  record.scheme = scheme_;
  record.protocol = http::VersionName(request_.version);
  record.find_header = &FindHeader;
  record.headers = this;
  record.response_code = has_sent_status_ ? response_.status : 0;
  record.details = summary_.details;
  record.flags = summary_.flags;
  record.bytes_received = summary_.received_bytes;
  record.bytes_sent = summary_.sent_bytes;
  record.remote = {&client_ip_.bytes(), client_ip_ == peer.ip() ? peer.port() : uint16_t{0}};
  record.direct_remote = {&peer.ip().bytes(), peer.port()};
  record.local = {&local.ip().bytes(), local.port()};
  record.connection_id = client_.connection_id();
  record.request_id = request_id_;
  record.listener = listener_name_;
  record.route = route();
  record.consumer = consumer_name_;
  record.upstream = upstream();
  record.upstream_host = summary_.endpoint;
  record.upstream_transport_failure = summary_.transport_failure;
  record.attempts = summary_.attempts;
  record.generation = summary_.generation;
  record.node = worker_.node;
  record.hostname = worker_.hostname;
  AddConnection(client_.secure(), client_.proxy_header(), record);
  worker_.log.Write(format, record, *listener_.access_log->file);
}

}  // namespace sluice::exchange
