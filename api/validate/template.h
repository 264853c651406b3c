// Texts with variables: header values ("${client_ip}") and paths ("/v2/{id}").
//
// Free of protobuf: plugins compile what this parses, so that what validation accepts is what they
// can do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "api/match/route_spec.h"

namespace sluice::validate {

using match::Flaw;

// What stands for a part of a text when it is put together for a request.
enum class Variable : uint8_t {
  kText,  // No variable: the text itself.
  kClientIp,
  kHost,
  kMethod,
  kPath,
  kScheme,
  kRequestId,
  kConsumer,
  kConsumerGroup,
  kRoute,
  kUpstream,
  kStatus,   // Of the response.
  kHeader,   // ${header.NAME}
  kQuery,    // ${query.NAME}
  kCapture,  // ${capture.NAME}; in a path {NAME}
};

struct TemplatePart {
  Variable variable = Variable::kText;
  std::string text;  // Of kText; NAME of those that have one.

  friend bool operator==(const TemplatePart& a, const TemplatePart& b) {
    return a.variable == b.variable && a.text == b.text;
  }
};

// "a ${client_ip} $$": variables in "${}", "$$" is a dollar sign. ${status} only where
// `is_response`. `parts` gets the parts in order, texts joined; it may be null. Returns what is
// wrong with the text, if anything is.
std::optional<Flaw> ParseTemplate(absl::string_view text, bool is_response,
                                  std::vector<TemplatePart>* parts);

// "/v2/{id}/{1}": captures of the route's path by name, or of its expression by number. Begins with
// "/", has no query and no segment "." or "..".
std::optional<Flaw> ParsePathTemplate(absl::string_view text, std::vector<TemplatePart>* parts);

}  // namespace sluice::validate
