#include "proxy/http/grpc/status.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::http::grpc {
namespace {

constexpr int kHighestCode = 16;

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = absl::ascii_tolower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// grpc-message is percent-encoded; what is not validly so stands for itself.
std::string DecodeMessage(absl::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
    const int low = high >= 0 ? HexValue(text[i + 2]) : -1;
    if (low < 0) {
      decoded.push_back(text[i]);
      continue;
    }
    decoded.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return decoded;
}

absl::StatusCode CodeOfHttp(int status) {
  switch (status) {
    case 400:
      return absl::StatusCode::kInternal;
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
      return absl::StatusCode::kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return absl::StatusCode::kUnavailable;
    default:
      return absl::StatusCode::kUnknown;
  }
}

}  // namespace

absl::Status FromHttp(int status) {
  return absl::Status(CodeOfHttp(status), absl::StrCat("HTTP status ", status, " without gRPC"));
}

absl::Status FromTrailers(const HeaderMap& trailers) {
  int code = 0;
  if (!absl::SimpleAtoi(trailers.Get("grpc-status"), &code) || code < 0 || code > kHighestCode) {
    return absl::UnknownError("the response has no valid grpc-status");
  }
  // gRPC's codes and Abseil's are the same numbers.
  return absl::Status(static_cast<absl::StatusCode>(code),
                      DecodeMessage(trailers.Get("grpc-message")));
}

int ToHttp(absl::string_view grpc_status) {
  int code = 0;
  if (!absl::SimpleAtoi(grpc_status, &code)) return 500;
  switch (static_cast<absl::StatusCode>(code)) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kDataLoss:
      return 500;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 400;
  }
}

absl::Status FromReset(ResetReason reason) {
  switch (reason) {
    case ResetReason::kPeerReset:
      return absl::UnavailableError("the server reset the stream");
    case ResetReason::kPeerRefused:
      return absl::UnavailableError("the server refused the stream");
    case ResetReason::kConnectFailed:
      return absl::UnavailableError("cannot connect");
    case ResetReason::kConnectTimeout:
      return absl::UnavailableError("connecting took too long");
    case ResetReason::kTlsFailed:
    case ResetReason::kTlsUntrusted:
    case ResetReason::kTlsNoProtocol:
      return absl::UnavailableError("no TLS connection came about");
    case ResetReason::kProtocolError:
      return absl::InternalError("the server broke HTTP/2");
    case ResetReason::kHeadTooLarge:
      return absl::InternalError("the head of the server's response is too large");
    case ResetReason::kLocalReset:
      return absl::CancelledError("closed here");
    case ResetReason::kOverload:
      return absl::ResourceExhaustedError("out of memory or descriptors");
    case ResetReason::kNone:
    case ResetReason::kPeerClosed:
      break;
  }
  return absl::UnavailableError("the connection ended");
}

}  // namespace sluice::http::grpc
