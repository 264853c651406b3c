// Who gives a reason names it by its details: a name that is not in the registry would be counted
// as a plugin's and have no flag, no Proxy-Status and no line in the reference.
#include <gtest/gtest.h>
#include <re2/re2.h>

#include <fstream>
#include <iterator>
#include <string>

#include "proxy/observe/response_flags.h"

namespace sluice::observe {
namespace {

std::string Read(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

TEST(ReasonsInCodeTest, CodecsGiveRegisteredReasonsWithTheirStatus) {
  // Error(400, "bad_host") and {400, "bad_host"}.
  static const re2::RE2 kError("(?:Error\\(|\\{)(\\d{3}), \"([a-z_]+)\"");
  int found = 0;
  for (const char* file : {"framing.cc", "head_parser.cc", "server_connection.cc"}) {
    const std::string text = Read(std::string("proxy/http/h1/") + file);
    re2::StringPiece rest(text);
    int status;
    std::string details;
    for (; re2::RE2::FindAndConsume(&rest, kError, &status, &details); ++found) {
      const Reason* reason = FindReason(details);
      ASSERT_NE(reason, nullptr) << details << " in " << file;
      EXPECT_EQ(reason->status, status) << details << " in " << file;
    }
  }
  EXPECT_GT(found, 5);
}

TEST(ReasonsInCodeTest, TheExchangeGivesRegisteredReasons) {
  // Calls may choose between several: ReplyWithReason(x ? "a" : "b").
  static const re2::RE2 kCall("(?s)(?:ReplyWithReason|AbortResponse)\\(([^;]*?\"[^;]*?)\\);");
  static const re2::RE2 kWord("\"([a-z_]+)\"");
  int found = 0;
  for (const char* file : {"exchange.cc", "exchange_attempts.cc", "exchange_end.cc",
                           "exchange_request.cc", "exchange_response.cc"}) {
    const std::string text = Read(std::string("proxy/exchange/") + file);
    re2::StringPiece rest(text);
    std::string arguments;
    while (re2::RE2::FindAndConsume(&rest, kCall, &arguments)) {
      re2::StringPiece words(arguments);
      std::string details;
      for (; re2::RE2::FindAndConsume(&words, kWord, &details); ++found) {
        EXPECT_NE(FindReason(details), nullptr) << details << " in " << file;
      }
    }
  }
  EXPECT_GT(found, 5);
}

TEST(ReasonsInCodeTest, TheRelayGivesRegisteredReasons) {
  // End("a", ...), over("a") and failure_ = "a"; or a choice of two.
  static const re2::RE2 kCall("(?s)(?:End\\(|Close\\(|over\\(|failure_ = )([^;]*?\"[^;]*?);");
  static const re2::RE2 kWord("\"([a-z_]+)\"");
  int found = 0;
  for (const char* file : {"relay.cc", "relay_connect.cc"}) {
    const std::string text = Read(std::string("proxy/stream/") + file);
    re2::StringPiece rest(text);
    std::string arguments;
    while (re2::RE2::FindAndConsume(&rest, kCall, &arguments)) {
      re2::StringPiece words(arguments);
      std::string details;
      for (; re2::RE2::FindAndConsume(&words, kWord, &details); ++found) {
        EXPECT_NE(FindReason(details), nullptr) << details << " in " << file;
      }
    }
  }
  EXPECT_GT(found, 10);
}

}  // namespace
}  // namespace sluice::observe
