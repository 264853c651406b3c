#include "controlplane/admin/apply_call.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::admin {
namespace {

// Of one call, as it travels: about a million routes.
constexpr size_t kMostBytes = size_t{512} << 20;

}  // namespace

absl::Status ApplyCall::Add(v1::ApplyRequest message) {
  if (message.has_options() == has_begun_) {
    return absl::InvalidArgumentError(has_begun_ ? "options: allowed in the first message only"
                                                 : "options: required in the first message");
  }
  if (is_complete_) return absl::InvalidArgumentError("a message follows the last one");
  has_begun_ = true;
  is_complete_ = message.last();
  bytes_ += message.ByteSizeLong();
  if (bytes_ > kMostBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the call is larger than ", kMostBytes >> 20, " MiB"));
  }
  if (message.has_options()) options_ = std::move(*message.mutable_options());
  for (v1::ApplyItem& item : *message.mutable_items()) items_.push_back(std::move(item));
  return absl::OkStatus();
}

}  // namespace sluice::admin
