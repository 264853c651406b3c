#include "controlplane/fleet/node.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::fleet {
namespace {

constexpr size_t kMaxNameBytes = 253;
constexpr size_t kMaxGroups = 64;
constexpr size_t kMaxPlugins = 1024;
// Of epochs and numbers: what a store can count to (SQLite's integers are signed), with room to
// raise them.
constexpr uint64_t kMaxCount = uint64_t{1} << 62;

// Names are shown on terminals and in URLs.
bool IsName(const std::string& name) {
  return !name.empty() && name.size() <= kMaxNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

absl::Status CheckNames(const google::protobuf::RepeatedPtrField<std::string>& names,
                        absl::string_view field, size_t most) {
  if (static_cast<size_t>(names.size()) > most) {
    return absl::InvalidArgumentError(
        absl::StrCat("hello: ", field, ": at most ", most, ", got ", names.size()));
  }
  for (const std::string& name : names) {
    if (!IsName(name)) {
      return absl::InvalidArgumentError(absl::StrCat("hello: ", field, ": names have 1 to ",
                                                     kMaxNameBytes, " printable characters"));
    }
  }
  return absl::OkStatus();
}

template <typename Field>
std::vector<std::string> SortedUnique(const Field& field) {
  std::vector<std::string> values(field.begin(), field.end());
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

bool IsCountable(const v1::Generation& generation) {
  return generation.epoch() < kMaxCount && generation.number() < kMaxCount;
}

void AddProblem(absl::string_view problem, v1::ProxyStatus* status) {
  status->add_problems()->set_problem(std::string(problem));
}

void FillProblems(const Node& node, v1::ProxyStatus* status) {
  if (status->state() == v1::ProxyStatus::HELD) {
    AddProblem(node.missing_plugins.empty()
                   ? absl::StrCat("reads schema ", node.identity.schema,
                                  ", but its configuration needs ", node.needed_schema)
                   : absl::StrCat("lacks the plugins ", absl::StrJoin(node.missing_plugins, ", ")),
               status);
  }
  if (status->state() == v1::ProxyStatus::SLOW) {
    AddProblem("has not answered its last update", status);
  }
  if (!node.resync_reason.empty()) {
    AddProblem(absl::StrCat("asked for a full update: ", node.resync_reason), status);
  }
  if (status->state() == v1::ProxyStatus::REJECTED ||
      status->state() == v1::ProxyStatus::DEGRADED) {
    status->mutable_problems()->MergeFrom(node.last_status.problems());
  }
  // A fault that lasts stands in the status that first told of it too.
  if (status->state() != v1::ProxyStatus::DEGRADED) {
    status->mutable_problems()->MergeFrom(node.report.problems());
  }
}

void FillIdentity(const Identity& identity, v1::ProxyStatus* status) {
  status->set_node(identity.node);
  status->mutable_groups()->Add(identity.groups.begin(), identity.groups.end());
  status->set_build(identity.build);
  status->set_schema(identity.schema);
  status->set_address(identity.address);
}

}  // namespace

absl::Status CheckHello(const v1::Hello& hello) {
  if (!IsName(hello.node())) {
    return absl::InvalidArgumentError(
        absl::StrCat("hello: node: 1 to ", kMaxNameBytes, " printable characters are required"));
  }
  if (hello.schema() == 0) return absl::InvalidArgumentError("hello: schema: required");
  if (!IsCountable(hello.active()) || !IsCountable(hello.persisted())) {
    return absl::InvalidArgumentError("hello: active, persisted: no store has that many commits");
  }
  if (absl::Status status = CheckNames(hello.groups(), "groups", kMaxGroups); !status.ok()) {
    return status;
  }
  return CheckNames(hello.plugins(), "plugins", kMaxPlugins);
}

Identity IdentityOf(const v1::Hello& hello, std::string address) {
  Identity identity;
  identity.node = hello.node();
  identity.groups = SortedUnique(hello.groups());
  identity.build = hello.build();
  identity.schema = hello.schema();
  identity.plugins = SortedUnique(hello.plugins());
  identity.instance = {hello.started_at_ns(), hello.instance()};
  identity.address = std::move(address);
  return identity;
}

std::optional<Generation> FromOptional(bool is_set, const v1::Generation& generation) {
  if (!is_set || !IsCountable(generation)) return std::nullopt;
  return FromProto(generation);
}

v1::ProxyStatus ToProto(const Node& node, absl::Time now) {
  v1::ProxyStatus status;
  FillIdentity(node.identity, &status);
  status.set_state(node.gone_at.has_value() ? v1::ProxyStatus::DISCONNECTED : node.state);
  *status.mutable_connected_at() = ToTimestamp(node.connected_at);
  *status.mutable_last_report_at() = ToTimestamp(node.heard_at);
  if (node.active.has_value()) *status.mutable_active() = ToProto(*node.active);
  if (node.persisted.has_value()) *status.mutable_persisted() = ToProto(*node.persisted);
  *status.mutable_target() = ToProto(node.target);
  if (node.last_status.phase() != v1::Status::PHASE_UNSPECIFIED) {
    *status.mutable_last_status() = node.last_status;
  }
  if (node.behind_since.has_value()) {
    *status.mutable_lag() = ToProtoDuration(now - *node.behind_since);
  }
  *status.mutable_report() = node.report;
  FillProblems(node, &status);
  return status;
}

v1::ProxyStatus ToProto(const Duplicate& duplicate) {
  v1::ProxyStatus status;
  FillIdentity(duplicate.identity, &status);
  status.set_state(v1::ProxyStatus::DUPLICATE);
  *status.mutable_last_report_at() = ToTimestamp(duplicate.seen_at);
  AddProblem("another process of this node name, started later, is connected", &status);
  return status;
}

bool IsInGroups(const std::vector<std::string>& groups, const std::vector<std::string>& wanted) {
  return wanted.empty() ||
         std::any_of(wanted.begin(), wanted.end(), [&groups](const std::string& group) {
           return std::binary_search(groups.begin(), groups.end(), group);
         });
}

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(absl::ToUnixSeconds(time));
  timestamp.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(timestamp.seconds()))));
  return timestamp;
}

google::protobuf::Duration ToProtoDuration(absl::Duration duration) {
  google::protobuf::Duration proto;
  proto.set_seconds(absl::ToInt64Seconds(duration));
  proto.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(duration - absl::Seconds(proto.seconds()))));
  return proto;
}

}  // namespace sluice::fleet
