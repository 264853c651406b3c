// The messages of the stream are the format: they are versioned already, and a note is what the
// proxy has said.
#include "controlplane/fleet/node_note.h"

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/delimited_message_util.h>

#include <utility>

namespace sluice::fleet {
namespace {

namespace io = google::protobuf::io;
namespace util = google::protobuf::util;

// What of it the other messages do not say.
v1::ProxyStatus ShownOf(const Node& node, absl::Time now) {
  v1::ProxyStatus shown = ToProto(node, now);
  shown.clear_last_status();
  shown.clear_problems();
  shown.clear_report();
  return shown;
}

v1::Hello HelloOf(const Node& node) {
  const Identity& identity = node.identity;
  v1::Hello hello;
  hello.set_node(identity.node);
  hello.mutable_groups()->Add(identity.groups.begin(), identity.groups.end());
  hello.set_build(identity.build);
  hello.set_schema(identity.schema);
  hello.mutable_plugins()->Add(identity.plugins.begin(), identity.plugins.end());
  hello.set_started_at_ns(identity.instance.started_at_ns);
  hello.set_instance(identity.instance.random);
  if (node.active.has_value()) *hello.mutable_active() = ToProto(*node.active);
  if (node.persisted.has_value()) *hello.mutable_persisted() = ToProto(*node.persisted);
  return hello;
}

absl::Time FromTimestamp(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

}  // namespace

std::string EncodeNote(const Node& node, absl::Time now) {
  std::string bytes;
  io::StringOutputStream out(&bytes);
  util::SerializeDelimitedToZeroCopyStream(ToTimestamp(node.gone_at.value_or(absl::UnixEpoch())),
                                           &out);
  util::SerializeDelimitedToZeroCopyStream(ShownOf(node, now), &out);
  util::SerializeDelimitedToZeroCopyStream(HelloOf(node), &out);
  for (const std::string& hash : node.rejections.hashes()) {
    v1::Status rejected;
    rejected.set_phase(v1::Status::REJECTED);
    rejected.mutable_generation()->set_view_hash(hash);
    util::SerializeDelimitedToZeroCopyStream(rejected, &out);
  }
  util::SerializeDelimitedToZeroCopyStream(node.last_status, &out);
  return bytes;
}

std::optional<Node> DecodeNote(absl::string_view bytes, absl::Time now) {
  io::ArrayInputStream in(bytes.data(), static_cast<int>(bytes.size()));
  google::protobuf::Timestamp gone;
  v1::ProxyStatus shown;
  v1::Hello hello;
  const bool is_read = util::ParseDelimitedFromZeroCopyStream(&gone, &in, nullptr) &&
                       util::ParseDelimitedFromZeroCopyStream(&shown, &in, nullptr) &&
                       util::ParseDelimitedFromZeroCopyStream(&hello, &in, nullptr);
  if (!is_read || !CheckHello(hello).ok()) return std::nullopt;
  Node node;
  node.identity = IdentityOf(hello, shown.address());
  node.connected_at = FromTimestamp(shown.connected_at());
  node.heard_at = FromTimestamp(shown.last_report_at());
  node.gone_at = gone.seconds() != 0 ? FromTimestamp(gone) : now;
  node.active = FromOptional(hello.has_active(), hello.active());
  node.persisted = FromOptional(hello.has_persisted(), hello.persisted());
  node.target = FromProto(shown.target());
  if (node.active != node.target) node.behind_since = node.gone_at;
  for (v1::Status status; util::ParseDelimitedFromZeroCopyStream(&status, &in, nullptr);) {
    if (status.phase() == v1::Status::REJECTED) {
      node.rejections.Add(status.generation().view_hash());
    }
    node.last_status = status;
    status.Clear();
  }
  return node;
}

}  // namespace sluice::fleet
