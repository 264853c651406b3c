// What a factory says of a configuration that it cannot run.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "api/match/route_spec.h"

namespace sluice::plugins {

// INVALID_ARGUMENT "<field>: <problem>".
inline absl::Status FieldError(absl::string_view field, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", problem));
}
inline absl::Status FieldError(absl::string_view field, const match::Flaw& flaw) {
  return FieldError(
      field, flaw.want.empty() ? flaw.problem : absl::StrCat(flaw.problem, "; want ", flaw.want));
}

}  // namespace sluice::plugins
