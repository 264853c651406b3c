// What is counted and logged of a connection that has ended.

#include "proxy/exchange/client_record.h"
#include "proxy/observe/access_record.h"
#include "proxy/stream/relay.h"

namespace sluice::stream {
namespace {

// The ends that somebody else has brought about.
bool IsOfOthers(absl::string_view details) {
  return details == "connection_ended" || details == "downstream_disconnected" ||
         details == "upstream_disconnected";
}

}  // namespace

void Relay::Record() {
  if (!IsOfOthers(details_)) worker_.metrics.CountLocalReply(worker_.workers_group, details_);
  const exchange::ListenerState& listener = host_.listener_state();
  if (listener.access_log == nullptr) return;
  const observe::AccessLogFormat& format = listener.access_log->format;
  const bool wants_local = format.uses_local_address() && client_.connection.is_open();
  const net::Address local = wants_local ? client_.connection.local_address() : net::Address();
  observe::AccessRecord record;
  record.start_unix_ns = worker_.UnixNanos(start_ns_);
  record.duration_ns = end_ns_ - start_ns_;
  if (first_byte_ns_ != 0) record.response_duration_ns = first_byte_ns_ - start_ns_;
  record.details = details_;
  if (const observe::Reason* reason = observe::FindReason(details_)) record.flags = reason->flags;
  record.bytes_received = received_bytes_;
  record.bytes_sent = sent_bytes_;
  record.remote = {&client_address_.ip().bytes(), client_address_.port()};
  record.direct_remote = record.remote;
  record.local = {&local.ip().bytes(), local.port()};
  record.connection_id = id_;
  record.listener = listener.name;
  record.server_name = server_name_;
  record.attempts = attempts_;
  record.generation = worker_.generation;
  record.node = worker_.node;
  record.hostname = worker_.hostname;
  if (route_ != nullptr) {
    record.route = route_->name;
    record.upstream = route_->upstream;
  }
  if (endpoint_ != nullptr) record.upstream_host = endpoint_->name;
  exchange::AddConnection(client_.connection.secure(), client_.connection.proxy_header(), record);
  worker_.log.Write(format, record, *listener.access_log->file);
}

}  // namespace sluice::stream
