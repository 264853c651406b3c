#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/print.h"

namespace sluice::sluicectl {
namespace {

constexpr uint32_t kFirstError = 400;

class Admin final : public Command {
 public:
  // The page comes out as it is: it may be for another program.
  absl::StatusOr<ExitStatus> Run(const std::vector<std::string>& arguments,
                                 Client& client) override {
    v1::AdminPageRequest request;
    request.set_node(arguments[0]);
    request.set_path(absl::StrCat(absl::StartsWith(arguments[1], "/") ? "" : "/", arguments[1]));
    uint32_t page_status = 0;
    RETURN_IF_ERROR(client.AdminPage(request, [&](const v1::AdminPageResponse& part) {
      if (part.status() != 0) page_status = part.status();
      Print(part.body());
      return true;
    }));
    if (page_status < kFirstError) return ExitStatus::kDone;
    return absl::UnknownError(absl::StrCat("the proxy answered with ", page_status));
  }
};

}  // namespace

std::unique_ptr<Command> MakeAdmin() { return std::make_unique<Admin>(); }

}  // namespace sluice::sluicectl
