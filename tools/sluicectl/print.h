// What several commands print.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "api/resource/problem.h"
#include "base/flags.h"
#include "sluice/v1/admin.pb.h"
#include "tools/sluicectl/failure.h"

namespace google::protobuf {
class Message;
class Timestamp;
}  // namespace google::protobuf

namespace sluice::sluicectl {

// On standard output and standard error.
void Print(absl::string_view text);
void PrintError(absl::string_view text);

// The problems of the status one a line, or else its message, after the name of the program.
void PrintFailure(const absl::Status& status);

// One a line, on standard error.
void PrintProblems(const std::vector<resource::Problem>& problems);

// `created Route/orders`, `updated Route/users (timeout, hosts)`.
std::string ChangeText(const v1::Change& change);

// A line for each change; of more than a hundred the first, and how many more there are.
std::string ChangesText(const google::protobuf::RepeatedPtrField<v1::Change>& changes);

// The same with what differs in the YAML, as a unified diff, for all of them.
std::string DiffText(const v1::Change& change);

// `3 created, 1 updated, 2 deleted`; empty if none is.
std::string CountsText(uint64_t created, uint64_t updated, uint64_t deleted);

// What applying, deleting and rolling back have in common: prints what changed, the warnings, and
// the generation without the end of its line, which is for `--wait` to add to.
void PrintApplied(const v1::ApplyResponse& response);

// "2026-11-23 19:33:39Z"; "12s" for how long ago it was, "-" for never.
std::string TimeText(const google::protobuf::Timestamp& time);
std::string AgoText(const google::protobuf::Timestamp& time);

// To the second, or below one to the millisecond: "1h5m", "12s", "40ms".
std::string DurationText(absl::Duration duration);

enum class Format { kTable, kJson, kYaml };

// The flag -o.
class FormatFlag {
 public:
  void Add(Flags& flags);
  // A usage error for an unknown one.
  absl::StatusOr<Format> Read() const;

 private:
  std::string text_ = "table";
};

// The messages as {"NAME": [...]}, with the names of the contract.
std::string ListText(absl::string_view name,
                     const std::vector<const google::protobuf::Message*>& messages, Format format);

template <typename Message>
std::string ListText(absl::string_view name, const std::vector<Message>& messages, Format format) {
  std::vector<const google::protobuf::Message*> pointers;
  for (const Message& message : messages) pointers.push_back(&message);
  return ListText(name, pointers, format);
}

}  // namespace sluice::sluicectl
