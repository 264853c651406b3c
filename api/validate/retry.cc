#include "sluice/v1/retry.pb.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "api/resource/problem.h"
#include "api/validate/bounds.h"
#include "api/validate/kinds.h"
#include "api/validate/syntax.h"

namespace sluice::validate {
namespace {

using resource::Quoted;

constexpr int kMaxConditions = 32;

constexpr std::array<absl::string_view, 11> kConditions = {
    "connect_failure", "refused_stream",
    "reset",           "timeout",
    "gateway_error",   "5xx",
    "grpc_cancelled",  "grpc_deadline_exceeded",
    "grpc_internal",   "grpc_resource_exhausted",
    "grpc_unavailable"};

bool IsCondition(absl::string_view text) {
  uint32_t status;
  if (text.size() == 3 && absl::SimpleAtoi(text, &status)) return status >= 400 && status < 600;
  return std::find(kConditions.begin(), kConditions.end(), text) != kConditions.end();
}

void CheckBackOff(const v1::Retry::BackOff& back_off, const Field& field) {
  absl::Duration base = absl::Milliseconds(25);
  if (back_off.has_base()) {
    CheckDuration(field.At("base"), back_off.base(), absl::Milliseconds(1), absl::Seconds(60));
    base = ToDuration(back_off.base());
  }
  if (back_off.has_max()) {
    CheckDuration(field.At("max"), back_off.max(), base, absl::Seconds(300));
  }
}

}  // namespace

void CheckRetry(const v1::Retry& retry, const Field& field) {
  if (retry.has_attempts()) CheckRange(field.At("attempts"), retry.attempts(), 1, 10);
  CheckCount(field.At("on"), retry.on_size(), kMaxConditions, "conditions");
  for (int i = 0; i < retry.on_size(); ++i) {
    if (IsCondition(retry.on(i))) continue;
    field.At("on", static_cast<size_t>(i))
        .Refuse(absl::StrCat("no condition, got ", Quoted(retry.on(i))),
                "connect_failure, refused_stream, reset, timeout, gateway_error, 5xx, a status "
                "from 400 to 599, or grpc_cancelled, _deadline_exceeded, _internal, "
                "_resource_exhausted, _unavailable");
  }
  if (retry.has_per_try_timeout()) {
    CheckDuration(field.At("per_try_timeout"), retry.per_try_timeout(), absl::Milliseconds(1),
                  absl::Hours(24));
  }
  if (!retry.budget().empty() && !ParsePercent(retry.budget()).has_value()) {
    field.At("budget").Refuse(absl::StrCat("no percentage, got ", Quoted(retry.budget())),
                              "0% to 100%");
  }
  if (retry.has_min_retries()) CheckRange(field.At("min_retries"), retry.min_retries(), 0, 65536);
  if (retry.has_back_off()) CheckBackOff(retry.back_off(), field.At("back_off"));
  if (retry.hedge() && !retry.has_per_try_timeout()) {
    field.At("hedge").Refuse("has no effect without per_try_timeout",
                             "per_try_timeout: when the second attempt begins");
  }
}

}  // namespace sluice::validate
