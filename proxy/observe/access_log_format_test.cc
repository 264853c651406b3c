#include "proxy/observe/access_log_format.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "proxy/observe/escape.h"
#include "proxy/observe/log_time.h"

namespace sluice::observe {
namespace {

using Headers = std::map<std::string, std::string>;

constexpr std::array<uint8_t, 16> kClient = {0, 0, 0,    0,    0,   0, 0, 0,
                                             0, 0, 0xff, 0xff, 192, 0, 2, 7};
constexpr std::array<uint8_t, 16> kLocal = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

// GET /orders?id=7 at 2026-02-03T04:05:06.789Z, answered by an upstream.
struct Exchange {
  Exchange() {
    record.start_unix_ns = 1'770'091'506'789'012'345;
    record.duration_ns = 12'345'678;
    record.method = "GET";
    record.path = "/orders?id=7";
    record.protocol = "HTTP/1.1";
    record.response_code = 200;
    record.details = "via_upstream";
    record.bytes_sent = 512;
    record.remote = {&kClient, 40000};
    record.local = {&kLocal, 8080};
    record.route = "orders";
    record.upstream_host = "10.0.0.1:8080";
    record.headers = &headers;
    record.find_header = [](const void* context, AccessRecord::Side side, absl::string_view name,
                            absl::string_view* value) {
      const auto& headers = *static_cast<const Headers*>(context);
      const auto it =
          headers.find(absl::StrCat(side == AccessRecord::Side::kRequest ? "" : "response ", name));
      if (it == headers.end()) return false;
      *value = it->second;
      return true;
    };
  }

  Headers headers = {{"user-agent", "curl/8"}};
  AccessRecord record;
};

std::string Print(const absl::StatusOr<AccessLogFormat>& format, const Exchange& exchange) {
  if (!format.ok()) return format.status().ToString();
  std::string line(AccessLogFormat::kMaxLine, '\0');
  line.resize(format->Format(exchange.record, line.data()));
  return line;
}

std::string Text(absl::string_view log_template, const Exchange& exchange = {}) {
  return Print(AccessLogFormat::Text(log_template), exchange);
}

std::string Json(const std::map<std::string, std::string>& fields, const Exchange& exchange = {}) {
  return Print(AccessLogFormat::Json(fields), exchange);
}

TEST(AccessLogTextTest, TheDefaultLineIsTheCombinedFormatAndMore) {
  EXPECT_EQ(Text(""),
            "192.0.2.7 - - [03/Feb/2026:04:05:06 +0000] \"GET /orders?id=7 HTTP/1.1\" 200 512 "
            "\"-\" \"curl/8\" 12 orders 10.0.0.1:8080 - via_upstream\n");
}

TEST(AccessLogTextTest, OnlyFormatsThatShowTheLocalAddressUseIt) {
  EXPECT_FALSE(AccessLogFormat::Text("")->uses_local_address());
  EXPECT_FALSE(AccessLogFormat::Json({})->uses_local_address());
  EXPECT_TRUE(AccessLogFormat::Text("%DOWNSTREAM_LOCAL_ADDRESS%")->uses_local_address());
  EXPECT_TRUE(AccessLogFormat::Json({{"port", "%DOWNSTREAM_LOCAL_PORT%"}})->uses_local_address());
}

TEST(AccessLogTextTest, WhatIsMissingIsADash) {
  Exchange nothing;
  nothing.record = AccessRecord();
  EXPECT_EQ(Text("%REQ(A)% %RESPONSE_CODE% %DURATION% %ROUTE% %DOWNSTREAM_REMOTE_ADDRESS% "
                 "%RESPONSE_FLAGS%",
                 nothing),
            "- - - - - -\n");
}

TEST(AccessLogTextTest, NoRequestCanForgeALineOrAQuotedField) {
  Exchange exchange;
  exchange.headers["user-agent"] = "a\" 200\r\nb\\c\x7f\x01\xc2\x85";
  EXPECT_EQ(Text("\"%REQ(user-agent)%\"", exchange),
            "\"a\\x22 200\\x0D\\x0Ab\\x5Cc\\x7F\\x01\\xC2\\x85\"\n");
}

TEST(AccessLogTextTest, AHeaderFallsBackToItsAlternative) {
  EXPECT_EQ(Text("%REQ(X-Original-Path?:PATH)% %REQ(No?Neither)%"), "/orders?id=7 -\n");
}

TEST(AccessLogTextTest, ResponseHeadersAreNotRequestHeaders) {
  Exchange exchange;
  exchange.headers["response server"] = "s";
  EXPECT_EQ(Text("%RESP(Server)% %REQ(Server)%", exchange), "s -\n");
}

TEST(AccessLogTextTest, WhatABalancerSaidIsAskedForByItsType) {
  Exchange exchange;
  EXPECT_EQ(Text("%PROXY_PROTOCOL_TLV(authority)%", exchange), "-\n");
  exchange.record.tlvs = &exchange;
  exchange.record.find_tlv = [](const void* context, uint8_t type) -> absl::string_view {
    EXPECT_NE(context, nullptr);
    return type == 2 ? "shop.example" : type == 0xea ? "\x01vpce" : "";
  };
  EXPECT_EQ(Text("%PROXY_PROTOCOL_TLV(authority)% %PROXY_PROTOCOL_TLV(0xEA)% "
                 "%PROXY_PROTOCOL_TLV(alpn)%",
                 exchange),
            "shop.example \\x01vpce -\n");
}

TEST(AccessLogTextTest, ALengthCutsTheValueBeforeItsEscapes) {
  Exchange exchange;
  exchange.headers["a"] = "\n\n\n\n";
  EXPECT_EQ(Text("%REQ(a):2%|%ROUTE:3%", exchange), "\\x0A\\x0A|ord\n");
}

TEST(AccessLogTextTest, DurationsComeInTheUnitAskedFor) {
  EXPECT_EQ(Text("%DURATION% %DURATION(us)% %DURATION(s)%"), "12 12345 0.012345\n");
}

TEST(AccessLogTextTest, AddressesOfBothFamiliesArePrinted) {
  EXPECT_EQ(Text("%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% "
                 "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_PORT%"),
            "192.0.2.7:40000 [2001:db8::1]:8080 2001:db8::1 8080\n");
}

TEST(AccessLogTextTest, FlagsAreTheirCodes) {
  Exchange exchange;
  exchange.record.flags = ResponseFlag::kUpstreamTimeout;
  exchange.record.flags.Add(ResponseFlag::kClientDisconnected);
  EXPECT_EQ(Text("%RESPONSE_FLAGS%", exchange), "UT,DC\n");
}

TEST(AccessLogTextTest, ALineIsNeverLongerThanItsLimitAndAlwaysWhole) {
  Exchange exchange;
  exchange.headers["a"] = std::string(100'000, '\n');
  const std::string line = Text("[%REQ(a)%] [%REQ(a)%] [%DURATION%] end", exchange);
  EXPECT_LE(line.size(), AccessLogFormat::kMaxLine);
  EXPECT_GT(line.size(), AccessLogFormat::kMaxLine - 100);
  EXPECT_EQ(line.substr(line.size() - 20), "0A\\x0A] [] [12] end\n");
}

TEST(AccessLogTextTest, ABadTemplateIsRefused) { EXPECT_FALSE(AccessLogFormat::Text("%NO%").ok()); }

TEST(AccessLogJsonTest, TheDefaultMembersHaveTypes) {
  EXPECT_EQ(Json({}),
            R"({"time":"2026-02-03T04:05:06.789Z","node":null,"listener":null,)"
            R"("request_id":null,"client":"192.0.2.7","consumer":null,"method":"GET",)"
            R"("authority":null,"path":"/orders?id=7","protocol":"HTTP/1.1",)"
            R"("user_agent":"curl/8","route":"orders","upstream":null,)"
            R"("endpoint":"10.0.0.1:8080","attempts":0,"status":200,"flags":null,)"
            R"("details":"via_upstream","bytes_received":0,"bytes_sent":512,"duration_ms":12,)"
            R"("generation":0})"
            "\n");
}

TEST(AccessLogJsonTest, TextAroundAnOperatorMakesAString) {
  EXPECT_EQ(Json({{"a", "%RESPONSE_CODE%"}, {"b", "code \"%RESPONSE_CODE%\""}, {"c", "%NODE%!"}}),
            "{\"a\":200,\"b\":\"code \\\"200\\\"\",\"c\":\"-!\"}\n");
}

TEST(AccessLogJsonTest, NamesAndTextAreEscaped) {
  EXPECT_EQ(Json({{"a\"b", "c\\d"}}), "{\"a\\\"b\":\"c\\\\d\"}\n");
}

TEST(AccessLogJsonTest, AnEmptyHeaderIsNotAMissingOne) {
  Exchange exchange;
  exchange.headers["a"] = "";
  EXPECT_EQ(Json({{"a", "%REQ(a)%"}, {"b", "%REQ(b)%"}}, exchange), "{\"a\":\"\",\"b\":null}\n");
}

TEST(AccessLogJsonTest, AnEmptyTemplateIsAnEmptyString) {
  EXPECT_EQ(Json({{"a", ""}}), "{\"a\":\"\"}\n");
}

TEST(AccessLogJsonTest, LongValuesAreCutAndTheLineStaysWhole) {
  Exchange exchange;
  exchange.headers["a"] = std::string(100'000, '\x01');
  const std::string line = Json({{"a", "%REQ(a)%"}, {"b", "%RESPONSE_CODE%"}}, exchange);
  EXPECT_LE(line.size(), AccessLogFormat::kMaxLine);
  EXPECT_EQ(line.substr(line.size() - 17), "\\u0001\",\"b\":200}\n");
}

TEST(AccessLogJsonTest, TheLargestTemplatesFit) {
  Exchange exchange;
  exchange.headers["a"] = std::string(30'000, '"');
  std::map<std::string, std::string> fields;
  for (int i = 0; i < 64; ++i) fields[absl::StrCat(std::string(20, '"'), i)] = "%REQ(a)%%DURATION%";
  fields["\""] = std::string(1'300, '\\');
  fields.erase(fields.find(std::string(20, '"') + "63"));
  const std::string line = Json(fields, exchange);
  EXPECT_LE(line.size(), AccessLogFormat::kMaxLine);
  EXPECT_EQ(line.substr(line.size() - 3), "\"}\n");
}

std::string EscapedJson(absl::string_view value, size_t room = 100) {
  std::string out(room, '\0');
  out.resize(static_cast<size_t>(EscapeJson(value, out.data(), room) - out.data()));
  return out;
}

TEST(EscapeTest, ValidUtf8StaysAndWhatIsNotIsReplaced) {
  EXPECT_EQ(EscapedJson("zażółć 日本 😀"), "zażółć 日本 😀");
  EXPECT_EQ(EscapedJson("\xc0\xaf"), "\ufffd\ufffd");                      // Overlong.
  EXPECT_EQ(EscapedJson("\xe0\x80\xaf"), "\ufffd\ufffd\ufffd");            // Overlong.
  EXPECT_EQ(EscapedJson("\xed\xa0\x80"), "\ufffd\ufffd\ufffd");            // A surrogate.
  EXPECT_EQ(EscapedJson("\xf4\x90\x80\x80"), "\ufffd\ufffd\ufffd\ufffd");  // Above U+10FFFF.
  EXPECT_EQ(EscapedJson("a\xe2\x82"), "a\ufffd\ufffd");                    // Cut.
  EXPECT_EQ(EscapedJson("\x80"), "\ufffd");
}

TEST(EscapeTest, NoCharacterOrEscapeIsCutInTwo) {
  EXPECT_EQ(EscapedJson("ab€", 4), "ab");
  EXPECT_EQ(EscapedJson("ab\n", 3), "ab");
  EXPECT_EQ(EscapedJson("ab\x01", 7), "ab");
}

// The fast path looks at eight bytes at once: a special byte must be seen at every place.
TEST(EscapeTest, EverySpecialByteIsSeenAtEveryPlace) {
  for (int c = 0; c < 256; ++c) {
    const bool is_special = c < 0x20 || c > 0x7e || c == '"' || c == '\\';
    for (size_t place = 0; place < 17; ++place) {
      std::string value(17, 'a');
      value[place] = static_cast<char>(c);
      char out[100];
      const size_t size = static_cast<size_t>(EscapeText(value, out, sizeof(out)) - out);
      EXPECT_EQ(size, is_special ? 20u : 17u) << c << " at " << place;
    }
  }
}

std::string Time(int64_t unix_ns, absl::string_view format) {
  char out[100];
  return std::string(out, FormatTime(unix_ns, format, out, sizeof(out)));
}

TEST(LogTimeTest, EveryConversionIsRight) {
  const int64_t moment = 1'709'208'000'012'345'678;  // Thursday, 29 February 2024, 12:00:00 UTC.
  EXPECT_EQ(Time(moment, "%Y-%m-%d %H:%M:%S %y %b %a %j %s"),
            "2024-02-29 12:00:00 24 Feb Thu 060 1709208000");
  EXPECT_EQ(Time(moment, "%F %T %e %z %Z %3f %6f %9f %f %%"),
            "2024-02-29 12:00:00 29 +0000 UTC 012 012345 012345678 012345678 %");
}

TEST(LogTimeTest, TheCalendarAgreesWithTheLibraryOnEveryDay) {
  for (int64_t day = 0; day < 60'000; ++day) {
    const time_t seconds = day * 86'400 + day % 86'400;
    tm parts;
    gmtime_r(&seconds, &parts);
    char expected[64];
    strftime(expected, sizeof(expected), "%Y-%m-%d %H:%M:%S %b %a %e %j", &parts);
    ASSERT_EQ(Time(seconds * 1'000'000'000, "%Y-%m-%d %H:%M:%S %b %a %e %j"), expected);
  }
}

TEST(LogTimeTest, WhatDoesNotFitIsLeftOut) {
  char out[6];
  EXPECT_EQ(std::string(out, FormatTime(0, "%Y-%m-%d", out, sizeof(out))), "1970-");
}

}  // namespace
}  // namespace sluice::observe
