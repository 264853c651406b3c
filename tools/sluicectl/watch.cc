#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "google/protobuf/timestamp.pb.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/print.h"
#include "tools/sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

std::string CommitText(const v1::Commit& commit) {
  std::string text = absl::StrCat("generation ", commit.generation(), " by ", commit.author());
  const std::string counts = CountsText(commit.created(), commit.updated(), commit.deleted());
  if (commit.origin() == v1::Commit::ENDPOINTS) absl::StrAppend(&text, ": endpoints");
  if (commit.origin() == v1::Commit::TICKET_KEYS) absl::StrAppend(&text, ": ticket keys");
  if (!counts.empty()) absl::StrAppend(&text, ": ", counts);
  if (commit.rollback_of() != 0) absl::StrAppend(&text, ", rollback to ", commit.rollback_of());
  if (!commit.message().empty()) absl::StrAppend(&text, " (", commit.message(), ")");
  return text;
}

std::string ProxyText(const v1::ProxyEvent& event) {
  std::string text = absl::StrCat("proxy ", event.node(), " ");
  if (event.type() == v1::ProxyEvent::STATUS) {
    const v1::Status& status = event.status();
    absl::StrAppend(&text, absl::AsciiStrToLower(v1::Status::Phase_Name(status.phase())), " ",
                    status.generation().number());
    for (const v1::Problem& problem : status.problems()) {
      absl::StrAppend(&text, "; ", resource::ToString(resource::FromProto(problem)));
    }
  } else {
    absl::StrAppend(&text, absl::AsciiStrToLower(v1::ProxyEvent::Type_Name(event.type())));
  }
  if (!event.detail().empty()) absl::StrAppend(&text, ": ", event.detail());
  return text;
}

class Watch final : public Command {
 public:
  void AddFlags(Flags& flags) override {
    flags.Uint("after", "G", "first the commits after that generation; 0: only new ones", &after_);
  }

  absl::StatusOr<ExitStatus> Run(const std::vector<std::string>&, Client& client) override {
    v1::WatchRequest request;
    request.set_after(after_);
    RETURN_IF_ERROR(client.Watch(request, [](const v1::Event& event) {
      const std::string text =
          event.has_commit() ? CommitText(event.commit()) : ProxyText(event.proxy());
      Print(absl::StrCat(TimeText(event.time()), "  ", Printable(text), "\n"));
      // Each as it happens; and no longer than somebody reads.
      return std::fflush(stdout) == 0;
    }));
    return ExitStatus::kDone;
  }

 private:
  uint64_t after_ = 0;
};

}  // namespace

std::unique_ptr<Command> MakeWatch() { return std::make_unique<Watch>(); }

}  // namespace sluice::sluicectl
