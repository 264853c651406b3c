// A header value with variables, compiled: "via ${host}".
//
// Where validate::ParseTemplate says what the variables are called, this says what they hold:
//   ${host}          as the client sent it, with its port
//   ${path}          as it was routed, whatever has been rewritten since
//   ${header.NAME}   the first of the request's headers of the name, in responses too
//   ${query.NAME}    the first of the name, decoded
// A byte that no header may hold (a decoded line break) stands as "%0A", so that a value never
// becomes two headers.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "api/validate/template.h"
#include "proxy/plugins/stream.h"

namespace sluice::plugins {

class ValueTemplate {
 public:
  // `parts` are ParseTemplate()'s.
  explicit ValueTemplate(std::vector<validate::TemplatePart> parts);

  // The value for this request, without white space at its ends; lives as long as the request and
  // as this.
  absl::string_view Render(Stream& stream) const;

 private:
  std::vector<validate::TemplatePart> parts_;  // Names of headers in lower case.
};

}  // namespace sluice::plugins
