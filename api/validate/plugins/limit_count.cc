#include "api/validate/plugins/limit_count.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "api/resource/problem.h"
#include "api/validate/bounds.h"
#include "api/validate/syntax.h"
#include "sluice/plugins/v1/limit_count.pb.h"

namespace sluice::validate {
namespace {

void CheckKey(absl::string_view key, const Field& field) {
  for (absl::string_view plain : {"", "client_ip", "consumer", "consumer_group", "all"}) {
    if (key == plain) return;
  }
  absl::string_view header = key;
  if (absl::ConsumePrefix(&header, "header:")) {
    field.Refuse(CheckHeaderName(header));
    return;
  }
  field.Refuse(absl::StrCat("no such key, got ", resource::Quoted(key)),
               "client_ip, consumer, consumer_group, header:NAME or all");
}

void CheckWindow(const google::protobuf::Duration& window, const Field& field) {
  CheckDuration(field, window, absl::Seconds(1), absl::Hours(24));
  if (window.nanos() != 0 && window.seconds() > 0) {
    field.Refuse("has a fraction of a second", "whole seconds");
  }
}

}  // namespace

void Check(const plugins::v1::LimitCount& config, const Field& field) {
  if (config.has_window()) CheckWindow(config.window(), field.At("window"));
  CheckKey(config.key(), field.At("key"));
  if (config.has_status()) CheckRange(field.At("status"), config.status(), 400, 599);
}

}  // namespace sluice::validate
