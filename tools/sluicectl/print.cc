#include "tools/sluicectl/print.h"

#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "api/resource/json.h"
#include "api/resource/json_tree.h"
#include "api/resource/key.h"
#include "api/resource/message_json.h"
#include "api/resource/units.h"
#include "api/resource/yaml.h"
#include "google/protobuf/timestamp.pb.h"
#include "tools/sluicectl/table.h"
#include "tools/sluicectl/text_diff.h"

namespace sluice::sluicectl {
namespace {

constexpr int kMostChanges = 100;

absl::string_view ActionText(v1::Change::Action action) {
  switch (action) {
    case v1::Change::CREATED:
      return "created";
    case v1::Change::UPDATED:
      return "updated";
    case v1::Change::DELETED:
      return "deleted";
    default:
      return "changed";
  }
}

std::string KeyText(const v1::ResourceKey& key) {
  return absl::StrCat(key.kind(), "/", key.namespace_().empty() ? "" : key.namespace_() + "/",
                      key.name());
}

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

}  // namespace

void Print(absl::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void PrintError(absl::string_view text) {
  std::fflush(stdout);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

void PrintFailure(const absl::Status& status) {
  size_t omitted = 0;
  const std::vector<resource::Problem> problems = ProblemsOf(status, &omitted);
  if (problems.empty()) {
    PrintError(absl::StrCat("sluicectl: ", Printable(std::string(status.message())), "\n"));
    return;
  }
  PrintProblems(problems);
  if (omitted > 0) PrintError(absl::StrCat("and ", omitted, " more\n"));
}

void PrintProblems(const std::vector<resource::Problem>& problems) {
  for (const resource::Problem& problem : problems) {
    PrintError(Printable(resource::ToString(problem)) + "\n");
  }
}

std::string ChangeText(const v1::Change& change) {
  std::string text = absl::StrCat(ActionText(change.action()), " ", KeyText(change.key()));
  if (change.fields_size() > 0) {
    absl::StrAppend(&text, " (", ShortList({change.fields().begin(), change.fields().end()}, 8),
                    ")");
  }
  return text;
}

std::string ChangesText(const google::protobuf::RepeatedPtrField<v1::Change>& changes) {
  std::string text;
  uint64_t created = 0;
  uint64_t updated = 0;
  for (int i = 0; i < changes.size(); ++i) {
    created += changes[i].action() == v1::Change::CREATED ? 1 : 0;
    updated += changes[i].action() == v1::Change::UPDATED ? 1 : 0;
    if (i < kMostChanges) absl::StrAppend(&text, ChangeText(changes[i]), "\n");
  }
  const auto total = static_cast<uint64_t>(changes.size());
  if (changes.size() > kMostChanges) {
    absl::StrAppend(&text, "and ", changes.size() - kMostChanges,
                    " more: ", CountsText(created, updated, total - created - updated), "\n");
  }
  return text;
}

std::string DiffText(const v1::Change& change) {
  const std::string before = change.has_before() ? resource::ToYaml(change.before()) : "";
  const std::string after = change.has_after() ? resource::ToYaml(change.after()) : "";
  return absl::StrCat(ChangeText(change), "\n", UnifiedDiff(before, after));
}

std::string CountsText(uint64_t created, uint64_t updated, uint64_t deleted) {
  std::vector<std::string> parts;
  if (created > 0) parts.push_back(absl::StrCat(created, " created"));
  if (updated > 0) parts.push_back(absl::StrCat(updated, " updated"));
  if (deleted > 0) parts.push_back(absl::StrCat(deleted, " deleted"));
  return absl::StrJoin(parts, ", ");
}

void PrintApplied(const v1::ApplyResponse& response) {
  std::vector<resource::Problem> warnings;
  for (const v1::Problem& problem : response.problems()) {
    warnings.push_back(resource::FromProto(problem));
  }
  if (response.dry_run()) {
    for (const v1::Change& change : response.changes()) Print(DiffText(change));
  } else {
    Print(ChangesText(response.changes()));
  }
  PrintProblems(warnings);
  if (response.changes().empty()) {
    Print(absl::StrCat("unchanged: generation ", response.generation()));
  } else if (response.dry_run()) {
    Print(absl::StrCat("dry run: nothing is committed; generation ", response.generation(),
                       " stands"));
  } else {
    Print(absl::StrCat("generation ", response.generation(), " committed"));
  }
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%SZ", ToTime(time), absl::UTCTimeZone());
}

std::string AgoText(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "-";
  return DurationText(std::max(absl::ZeroDuration(), absl::Now() - ToTime(time)));
}

std::string DurationText(absl::Duration duration) {
  const absl::Duration unit =
      duration < absl::Seconds(1) ? absl::Milliseconds(1) : absl::Seconds(1);
  return resource::DurationText(absl::Trunc(duration, unit));
}

void FormatFlag::Add(Flags& flags) {
  flags.String("output", "FORMAT", "table, json or yaml", &text_);
  flags.Letter('o', "output");
}

absl::StatusOr<Format> FormatFlag::Read() const {
  if (text_ == "table") return Format::kTable;
  if (text_ == "json") return Format::kJson;
  if (text_ == "yaml") return Format::kYaml;
  return UsageError(absl::StrCat("-o: unknown format \"", text_, "\"; want table, json or yaml"));
}

std::string ListText(absl::string_view name,
                     const std::vector<const google::protobuf::Message*>& messages, Format format) {
  using resource::Node;
  Node list;
  list.type = Node::Type::kList;
  list.key = std::string(name);
  const auto on_node = [&list](Node&& node) { list.items.push_back(std::move(node)); };
  // It can be read: we have written it.
  const auto on_problem = [](uint32_t, std::string, std::string) {};
  for (const google::protobuf::Message* message : messages) {
    resource::ParseJson(resource::MessageToJson(*message), {on_node, on_problem});
  }
  Node top;
  top.type = Node::Type::kMap;
  top.items.push_back(std::move(list));
  return format == Format::kJson ? resource::ToJson(top) + "\n" : resource::ToYaml(top);
}

}  // namespace sluice::sluicectl
