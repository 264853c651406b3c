#include "api/validate/plugins/request_id.h"

#include "absl/strings/match.h"
#include "api/validate/syntax.h"
#include "sluice/plugins/v1/request_id.pb.h"

namespace sluice::validate {

void Check(const plugins::v1::RequestId& config, const Field& field) {
  if (config.header().empty()) return;
  const Field header = field.At("header");
  header.Refuse(CheckHeaderName(config.header()));
  if (IsFramingHeader(config.header())) {
    header.Refuse("belongs to framing or to the connection", "another header");
  }
  // A second Host would make two requests of one to some server behind.
  if (absl::EqualsIgnoreCase(config.header(), "host")) {
    header.Refuse("names the host of the request", "another header");
  }
}

}  // namespace sluice::validate
