// Every request is hashed: with the processor's SHA instructions that is cheaper than it would be
// to look a key up in a cache safely, and a cache would keep keys in memory in the clear.
#include "proxy/plugins/key_auth/plugin.h"

#include <nettle/sha2.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "proxy/http/rules.h"
#include "proxy/plugins/field_error.h"
#include "proxy/plugins/query.h"
#include "sluice/plugins/v1/key_auth.pb.h"

namespace sluice::plugins {
namespace {

constexpr char kName[] = "key_auth";

// No consumer has a longer one (api/sluice/v1/consumer.proto); hashing it would only cost time.
constexpr size_t kMaxKeyBytes = 1024;

absl::string_view Value(const http::HeaderMap::Entry* entry) {
  return entry == nullptr ? absl::string_view() : entry->value();
}

const Consumer* FindConsumer(const Stream& stream, absl::string_view key) {
  if (key.size() > kMaxKeyBytes) return nullptr;
  sha256_ctx context;
  sha256_init(&context);
  sha256_update(&context, key.size(), reinterpret_cast<const uint8_t*>(key.data()));
  uint8_t digest[SHA256_DIGEST_SIZE];
  sha256_digest(&context, sizeof(digest), digest);
  return stream.consumers().FindByCredential(
      kName, absl::string_view(reinterpret_cast<const char*>(digest), sizeof(digest)));
}

}  // namespace

absl::string_view KeyAuth::FindKey(Stream& stream) const {
  const http::RequestHead& request = stream.request();
  const absl::string_view in_header =
      Value(request.headers.Find(settings_.header_id, settings_.header));
  if (!in_header.empty() || settings_.query.empty() || !request.query) return in_header;
  const auto in_query = FindQueryParameter(*request.query, settings_.query);
  return in_query ? DecodeQuery(*in_query, stream.arena()) : absl::string_view();
}

Action KeyAuth::OnRequestHead(Stream& stream) {
  const absl::string_view key = FindKey(stream);
  if (key.empty()) {
    // A global rule and a route may both ask for a key: the first one hides it, and has found who
    // it is.
    if (stream.authenticated_by() == kName) return Action::kContinue;
    return Refuse(stream, "key_auth_missing");
  }
  const Consumer* consumer = FindConsumer(stream, key);
  if (consumer == nullptr) return Refuse(stream, "key_auth_unknown");
  stream.SetConsumer(*consumer, kName);
  if (settings_.hides_credentials) Hide(stream.request());
  return Action::kContinue;
}

// From both places, wherever it was found: a client that sends its key twice wants it kept no less.
void KeyAuth::Hide(http::RequestHead& request) const {
  request.headers.Remove(settings_.header_id, settings_.header);
  if (settings_.query.empty() || !request.query) return;
  request.query = WithoutQueryParameter(*request.query, settings_.query, request.headers.arena());
}

Action KeyAuth::Refuse(Stream& stream, const char* details) const {
  stream.response().headers.Add(http::HeaderId::kWwwAuthenticate, settings_.challenge);
  stream.Reply({.status = 401, .details = details});
  return Action::kStop;
}

absl::StatusOr<Instance> MakeKeyAuth(const v1::KeyAuth& config) {
  KeyAuth::Settings settings;
  settings.header = config.header().empty() ? "apikey" : absl::AsciiStrToLower(config.header());
  if (!http::IsToken(settings.header)) {
    return FieldError("header", absl::StrCat("is no header name, got \"", config.header(), "\""));
  }
  settings.header_id = http::LookupHeader(settings.header);
  settings.query = config.query().empty() ? "apikey" : config.query();
  if (settings.query == "-") settings.query.clear();
  const std::string realm = config.realm().empty() ? "sluice" : config.realm();
  settings.challenge = absl::StrCat("Key realm=\"", realm, "\"");
  if (!http::IsHeaderValue(settings.challenge) ||
      realm.find_first_of("\"\\") != std::string::npos) {
    return FieldError("realm", "holds a quote, a backslash or a control character");
  }
  settings.hides_credentials = !config.has_hide_credentials() || config.hide_credentials();
  return Instantiate<KeyAuth>(std::move(settings));
}

}  // namespace sluice::plugins
