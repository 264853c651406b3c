#include "proxy/http/h1/framing.h"

#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "proxy/http/rules.h"

namespace sluice::http::h1 {
namespace {

constexpr LocalError kFine{0, nullptr};

// Of our copy of a name: to lower case. Whether it has an underscore.
bool LowerInPlace(absl::string_view name) {
  auto* p = const_cast<char*>(name.data());
  bool has_underscore = false;
  for (size_t i = 0; i < name.size(); ++i) {
    has_underscore |= p[i] == '_';
    if (p[i] >= 'A' && p[i] <= 'Z') p[i] |= 0x20;
  }
  return has_underscore;
}

// Copies the text once; views into it move by the distance.
class Copy {
 public:
  Copy(Arena& arena, absl::string_view text)
      : copy_(arena.Allocate(text.size(), 1)), offset_(copy_ - text.data()) {
    std::memcpy(copy_, text.data(), text.size());
  }
  absl::string_view operator()(absl::string_view view) const {
    return absl::string_view(view.data() + offset_, view.size());
  }

 private:
  char* copy_;
  ptrdiff_t offset_;
};

// What framing headers have been seen so far.
struct Framing {
  int hosts = 0;
  bool has_length = false;
  bool has_coding = false;
  uint64_t length = 0;
  bool close = false;
  bool keep_alive = false;
  bool has_nominated = false;  // Connection names fields to remove.
  bool upgrades = false;       // Connection says that Upgrade is meant.
  absl::string_view upgrade;
};

LocalError ReadConnection(absl::string_view value, Framing& framing) {
  LocalError error = kFine;
  ForEachListElement(value, [&](absl::string_view option) {
    if (option.empty()) return;
    if (absl::EqualsIgnoreCase(option, "close")) {
      framing.close = true;
    } else if (absl::EqualsIgnoreCase(option, "keep-alive")) {
      framing.keep_alive = true;
    } else if (absl::EqualsIgnoreCase(option, "upgrade")) {
      framing.upgrades = true;
    } else if (IsProtectedFromConnection(LookupHeader(option))) {
      error = {400, "bad_connection_header"};
    } else {
      framing.has_nominated = true;
    }
  });
  return error;
}

LocalError ReadTransferEncoding(absl::string_view value, Framing& framing) {
  // Anything but one "chunked" would have to be decoded, or is a disagreement waiting to happen.
  if (framing.has_coding) return {400, "bad_transfer_encoding"};
  framing.has_coding = true;
  if (absl::EqualsIgnoreCase(value, "chunked")) return kFine;
  bool is_malformed = false;
  bool has_chunked = false;
  ForEachListElement(value, [&](absl::string_view coding) {
    // Nothing follows chunked, which takes no parameters and is not quoted.
    is_malformed |= has_chunked || coding.empty() || coding.front() == '"';
    has_chunked = absl::StartsWithIgnoreCase(coding, "chunked");
    is_malformed |= has_chunked && coding.size() != 7;
  });
  if (is_malformed) return {400, "bad_transfer_encoding"};
  return {501, "unsupported_transfer_encoding"};
}

LocalError ReadContentLength(absl::string_view value, Framing& framing) {
  const std::optional<uint64_t> length = ParseContentLength(value);
  // Equal duplicates could be collapsed (RFC 9110 section 8.6); no honest client sends them.
  if (!length || framing.has_length) return {400, "bad_content_length"};
  framing.has_length = true;
  framing.length = *length;
  return kFine;
}

void RemoveNominated(absl::string_view value, HeaderMap& headers) {
  ForEachListElement(value, [&](absl::string_view option) {
    if (option.empty()) return;
    char lower[64];
    if (option.size() > sizeof(lower)) return;
    for (size_t i = 0; i < option.size(); ++i) {
      lower[i] = absl::ascii_tolower(static_cast<unsigned char>(option[i]));
    }
    headers.Remove(absl::string_view(lower, option.size()));
  });
}

// scheme "://" authority [path]; splits off the authority. False if it is none.
bool SplitAbsolute(absl::string_view target, absl::string_view& authority,
                   absl::string_view& rest) {
  for (const absl::string_view scheme : {"http://", "https://"}) {
    if (!absl::StartsWithIgnoreCase(target, scheme)) continue;
    target.remove_prefix(scheme.size());
    const size_t end = target.find_first_of("/?");
    authority = target.substr(0, end);
    rest = end == absl::string_view::npos ? absl::string_view() : target.substr(end);
    return true;
  }
  return false;
}

LocalError ReadTarget(absl::string_view target, const Framing& framing, RequestHead& out) {
  if (out.method_id == Method::kConnect) {
    if (!IsValidAuthority(target) || target.rfind(':') == absl::string_view::npos) {
      return {400, "bad_request_target"};
    }
    out.authority = target;
    out.path = "";
    return kFine;
  }
  if (target == "*") {
    if (out.method_id != Method::kOptions) return {400, "bad_request_target"};
    out.path = target;
    return kFine;
  }
  if (target[0] != '/') {
    absl::string_view rest;
    // RFC 9112 section 3.2.2: the target's authority wins over Host.
    if (!SplitAbsolute(target, out.authority, rest)) return {400, "bad_request_target"};
    if (!IsValidAuthority(out.authority)) return {400, "bad_host"};
    target = rest;
  }
  const size_t question = target.find('?');
  out.path = target.substr(0, question);
  if (out.path.empty()) out.path = "/";
  if (question != absl::string_view::npos) out.query = target.substr(question + 1);
  return kFine;
}

// What cannot be granted is not seen: RFC 9110 section 7.8 lets a server ignore it. HTTP/2 over
// Upgrade is how requests are smuggled past a proxy.
void ReadUpgrade(const Framing& framing, RequestHead& out) {
  const bool is_possible = framing.upgrades && out.version == Version::kHttp11 &&
                           out.method_id != Method::kConnect && !out.body.has_bytes() &&
                           IsUpgradeProtocol(framing.upgrade) &&
                           !absl::StartsWithIgnoreCase(framing.upgrade, "h2");
  if (!is_possible) return;
  LowerInPlace(framing.upgrade);
  out.upgrade = framing.upgrade;
}

LocalError CheckFraming(const RawHead& raw, const Framing& framing, RequestHead& out,
                        ConnectionUse& use) {
  if (framing.hosts == 0 && raw.minor_version == 1) return {400, "bad_host"};
  if (framing.hosts > 1) return {400, "bad_host"};
  if (framing.hosts == 1 && !IsValidAuthority(out.authority)) return {400, "bad_host"};
  if (framing.has_coding && framing.has_length) return {400, "conflicting_framing"};
  // RFC 9112 section 6.1: HTTP/1.0 has no transfer codings, so one of the peers is confused.
  if (framing.has_coding && raw.minor_version == 0) return {400, "bad_transfer_encoding"};
  if (out.method_id == Method::kConnect || out.method_id == Method::kTrace) {
    if (framing.has_coding || framing.has_length) return {400, "unexpected_body"};
  }
  out.body = framing.has_coding   ? BodySize::Unknown()
             : framing.has_length ? BodySize::Length(framing.length)
                                  : BodySize::None();
  use.keep_alive = !framing.close && (raw.minor_version == 1 || framing.keep_alive);
  use.is_chunked = framing.has_coding;
  return kFine;
}

}  // namespace

LocalError AdoptRequest(const RawHead& raw, absl::string_view raw_text,
                        UnderscorePolicy underscores, RequestHead& out, ConnectionUse& use) {
  const Copy copy(out.headers.arena(), raw_text);
  out.method = copy(raw.method);
  out.method_id = ParseMethod(out.method);
  out.version = raw.minor_version == 1 ? Version::kHttp11 : Version::kHttp10;
  out.headers.Reserve(raw.headers.size() + 8);  // The exchange adds a few.
  Framing framing;
  LocalError error = kFine;
  for (const RawHeader& header : raw.headers) {
    const absl::string_view value = copy(header.value);
    switch (header.id) {
      case HeaderId::kHost:
        ++framing.hosts;
        out.authority = value;
        continue;
      case HeaderId::kContentLength:
        error = ReadContentLength(value, framing);
        break;
      case HeaderId::kTransferEncoding:
        error = ReadTransferEncoding(value, framing);
        break;
      case HeaderId::kConnection:
        error = ReadConnection(value, framing);
        break;
      case HeaderId::kUpgrade:
        // A list is a choice that nobody here makes.
        framing.upgrade = framing.upgrade.empty() ? value : absl::string_view(",");
        continue;
      case HeaderId::kKeepAlive:
      case HeaderId::kProxyConnection:
      case HeaderId::kHttp2Settings:
        continue;
      case HeaderId::kTe:
        if (absl::EqualsIgnoreCase(value, "trailers")) out.headers.Add(HeaderId::kTe, "trailers");
        continue;
      case HeaderId::kExpect:
        if (!absl::EqualsIgnoreCase(value, "100-continue")) {
          error = {417, "unsupported_expectation"};
        } else if (raw.minor_version == 1) {
          out.expects_continue = true;
          out.headers.Add(HeaderId::kExpect, "100-continue");
        }
        break;
      default: {
        const absl::string_view name = copy(header.name);
        if (LowerInPlace(name) && underscores != UnderscorePolicy::kAllow) {
          if (underscores == UnderscorePolicy::kReject) return {400, "header_underscore"};
          continue;
        }
        out.headers.Add(header.id, name, value);
        continue;
      }
    }
    if (error.status != 0) return error;
  }
  if (framing.has_nominated) {
    for (const RawHeader& header : raw.headers) {
      if (header.id == HeaderId::kConnection) RemoveNominated(header.value, out.headers);
    }
  }
  error = CheckFraming(raw, framing, out, use);
  if (error.status != 0) return error;
  ReadUpgrade(framing, out);
  return ReadTarget(copy(raw.target), framing, out);
}

bool AdoptResponse(const RawHead& raw, absl::string_view raw_text, Method method, ResponseHead& out,
                   ConnectionUse& use) {
  const Copy copy(out.headers.arena(), raw_text);
  out.status = raw.status;
  out.headers.Reserve(raw.headers.size() + 4);
  Framing framing;
  for (const RawHeader& header : raw.headers) {
    LocalError error = kFine;
    const absl::string_view value = copy(header.value);
    switch (header.id) {
      case HeaderId::kContentLength:
        error = ReadContentLength(value, framing);
        break;
      case HeaderId::kTransferEncoding:
        error = ReadTransferEncoding(value, framing);
        break;
      case HeaderId::kConnection:
        // A server may name what it likes: it speaks of its own response.
        ReadConnection(value, framing);
        break;
      case HeaderId::kUpgrade:
        framing.upgrade = value;
        break;
      case HeaderId::kKeepAlive:
      case HeaderId::kProxyConnection:
      case HeaderId::kTe:
        break;
      default: {
        const absl::string_view name = copy(header.name);
        LowerInPlace(name);
        out.headers.Add(header.id, name, value);
        break;
      }
    }
    if (error.status != 0) return false;
  }
  if (framing.has_nominated) {
    for (const RawHeader& header : raw.headers) {
      if (header.id == HeaderId::kConnection) RemoveNominated(header.value, out.headers);
    }
  }
  if (framing.has_coding && (framing.has_length || raw.minor_version == 0)) return false;
  const bool keeps = !framing.close && (raw.minor_version == 1 || framing.keep_alive);
  out.body = framing.has_coding                      ? BodySize::Unknown()
             : framing.has_length                    ? BodySize::Length(framing.length)
             : ResponseHasNoBody(method, raw.status) ? BodySize::None()
                                                     : BodySize::Unknown();
  const bool ends_by_close =
      !framing.has_coding && !framing.has_length && !ResponseHasNoBody(method, raw.status);
  use.keep_alive = keeps && !ends_by_close;
  use.is_chunked = framing.has_coding;
  if (framing.upgrades) use.upgrade = framing.upgrade;
  return true;
}

void AdoptTrailers(const RawHead& raw, UnderscorePolicy underscores, HeaderMap& out) {
  for (const RawHeader& header : raw.headers) {
    if (IsForbiddenTrailer(header.id)) continue;
    const absl::string_view name = out.arena().Copy(header.name);
    const bool has_underscore = LowerInPlace(name);
    if (has_underscore && underscores != UnderscorePolicy::kAllow) continue;
    out.Add(header.id, name, out.arena().Copy(header.value));
  }
}

}  // namespace sluice::http::h1
