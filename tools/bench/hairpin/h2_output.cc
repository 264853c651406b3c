#include "tools/bench/hairpin/h2_output.h"

namespace sluice::hairpin {
namespace {

constexpr size_t kAtOnce = 256 * 1024;
constexpr int32_t kStreamWindow = 1 << 20;
constexpr int32_t kConnectionWindow = 1 << 26;

uint8_t* Bytes(const std::string& text) {
  return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text.data()));
}

}  // namespace

std::vector<nghttp2_nv> FieldsOf(const H2Fields& fields) {
  std::vector<nghttp2_nv> values;
  values.reserve(fields.size());
  for (const auto& [name, value] : fields) {
    values.push_back({Bytes(name), Bytes(value), name.size(), value.size(),
                      NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE});
  }
  return values;
}

void SubmitSettings(nghttp2_session* session) {
  std::vector<nghttp2_settings_entry> settings = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow}};
  if (nghttp2_session_check_server_session(session)) {
    settings.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 10'000});
  } else {
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  }
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

bool FlushSession(nghttp2_session* session, Transport& transport, std::string& unsent) {
  while (true) {
    const uint8_t* data;
    while (unsent.size() < kAtOnce) {
      const ssize_t size = nghttp2_session_mem_send(session, &data);
      if (size <= 0) break;
      unsent.append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
    }
    if (unsent.empty()) return true;
    const ssize_t sent = transport.Send(unsent);
    if (sent == Transport::kBlocked) return true;
    if (sent < 0) return false;
    unsent.erase(0, static_cast<size_t>(sent));
  }
}

}  // namespace sluice::hairpin
