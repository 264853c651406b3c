// Any query, JSON and response for the methods of a fixed service, and any descriptor set: nothing
// crashes, and what a request becomes is one whole gRPC frame.
//
// Input: what it is (s: a descriptor set, q: a query, j: a JSON body, r: frames of a response),
// then its bytes.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/escaping.h"
#include "api/validate/transcoding/http_rules.h"
#include "api/validate/transcoding/testing/shop.h"
#include "proxy/plugins/grpc_json/message.h"

namespace sluice::plugins {
namespace {

const validate::HttpRules& Shop() {
  static const auto& rules = *new auto([] {
    std::string bytes;
    if (!absl::Base64Unescape(validate::kShop, &bytes)) std::abort();
    return *validate::HttpRules::Compile(bytes, {"shop.v1.Prices"});
  }());
  return *rules;
}

void CheckFrame(const absl::StatusOr<std::string>& frame) {
  if (!frame.ok()) return;
  uint32_t size = 0;
  for (size_t i = 1; i < 5; ++i) size = size << 8 | static_cast<uint8_t>(frame->at(i));
  if (frame->at(0) != 0 || size + 5 != frame->size()) std::abort();
}

}  // namespace
}  // namespace sluice::plugins

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  using namespace sluice::plugins;
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 's') {
    static_cast<void>(validate::HttpRules::Compile(bytes, {"shop.v1.Prices"}));
    return 0;
  }
  for (const validate::HttpBinding& binding : Shop().bindings()) {
    if (data[0] == 'q') CheckFrame(ToGrpcFrame(binding, {}, bytes, ""));
    if (data[0] == 'j') CheckFrame(ToGrpcFrame(binding, {}, "", bytes));
    if (data[0] == 'r') static_cast<void>(ToJson(binding, bytes, JsonStyle()));
  }
  return 0;
}
