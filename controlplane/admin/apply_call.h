// The messages of one Apply stream, put together.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "sluice/v1/admin.pb.h"

namespace sluice::admin {

// Thread: any one at a time.
class ApplyCall {
 public:
  // The next message. After an error the call is refused.
  //   INVALID_ARGUMENT    the first has no options, a later one has, or one follows the last
  //   RESOURCE_EXHAUSTED  it is too large
  [[nodiscard]] absl::Status Add(v1::ApplyRequest message);

  const v1::ApplyRequest::Options& options() const { return options_; }

  // Takes them away.
  std::vector<v1::ApplyItem> TakeItems() { return std::move(items_); }

  // The last message was there. Else nothing of the call may be done: its caller may have died.
  bool is_complete() const { return is_complete_; }

 private:
  bool has_begun_ = false;
  bool is_complete_ = false;
  size_t bytes_ = 0;
  v1::ApplyRequest::Options options_;
  std::vector<v1::ApplyItem> items_;
};

}  // namespace sluice::admin
