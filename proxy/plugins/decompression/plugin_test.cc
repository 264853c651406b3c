#include "proxy/plugins/decompression/plugin.h"

#include <brotli/encode.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <string>
#include <vector>

#include "proxy/plugins/testing/plugin_harness.h"
#include "sluice/plugins/v1/decompression.pb.h"

namespace sluice::plugins {
namespace {

std::string Gzip(const std::string& in) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, in.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Brotli(const std::string& in) {
  size_t size = BrotliEncoderMaxCompressedSize(in.size());
  std::string out(size, '\0');
  BrotliEncoderCompress(5, 22, BROTLI_MODE_GENERIC, in.size(),
                        reinterpret_cast<const uint8_t*>(in.data()), &size,
                        reinterpret_cast<uint8_t*>(out.data()));
  return out.substr(0, size);
}

std::string Zstd(const std::string& in) {
  std::string out(ZSTD_compressBound(in.size()), '\0');
  return out.substr(0, ZSTD_compress(out.data(), out.size(), in.data(), in.size(), 3));
}

std::vector<std::string> Bytes(const std::string& whole) {
  std::vector<std::string> pieces;
  for (const char c : whole) pieces.emplace_back(1, c);
  return pieces;
}

class DecompressionTest : public ::testing::Test {
 protected:
  void Post(absl::string_view coding, std::vector<std::string> pieces) {
    h_.Request("POST", "/", {{"content-encoding", std::string(coding)}}, std::move(pieces));
  }

  PluginHarness h_;
};

TEST_F(DecompressionTest, TheUpstreamGetsThePlainBody) {
  h_.Add(&MakeDecompression);
  const std::string text = "hello, hello, hello";
  const std::pair<std::string, std::string> rows[] = {
      {"gzip", Gzip(text)}, {"X-GZIP", Gzip(text)}, {"br", Brotli(text)}, {"zstd", Zstd(text)}};
  for (const auto& [coding, body] : rows) {
    Post(coding, {body});
    EXPECT_EQ(h_.request_body(), text) << coding;
    EXPECT_EQ(h_.request().headers.Find("content-encoding"), nullptr);
    EXPECT_EQ(h_.request().body.kind, http::BodySize::Kind::kUnknown);
    Post(coding, Bytes(body));
    EXPECT_EQ(h_.request_body(), text) << coding << ", byte by byte";
  }
}

TEST_F(DecompressionTest, SeveralMembersAreOneBody) {
  h_.Add(&MakeDecompression);
  Post("gzip", {Gzip("one, ") + Gzip("two")});
  EXPECT_EQ(h_.request_body(), "one, two");
  Post("gzip", Bytes(Gzip("one, ") + Gzip("two")));
  EXPECT_EQ(h_.request_body(), "one, two");
  Post("zstd", {Zstd("one, "), Zstd("two")});
  EXPECT_EQ(h_.request_body(), "one, two");
}

TEST_F(DecompressionTest, OtherEncodingsPassAsTheyAre) {
  h_.Add(&MakeDecompression);
  for (const char* coding : {"compress", "gzip, br", "identity", ""}) {
    Post(coding, {"bytes"});
    EXPECT_EQ(h_.request_body(), "bytes") << coding;
    EXPECT_EQ(h_.request().headers.Get("content-encoding"), coding);
  }
}

TEST_F(DecompressionTest, ABodyOfExactlyTheLimitPassesAndOneByteMoreIsRefused) {
  h_.Add(&MakeDecompression, "max_bytes: 2000");
  const std::string most(2000, 'a'), more(2001, 'a');
  for (const auto& [coding, encode] :
       {std::pair{"gzip", &Gzip}, std::pair{"br", &Brotli}, std::pair{"zstd", &Zstd}}) {
    Post(coding, {encode(most)});
    EXPECT_EQ(h_.request_body().size(), 2000u) << coding;
    Post(coding, {encode(more)});
    EXPECT_EQ(h_.reply().status, 413) << coding;
    EXPECT_STREQ(h_.reply().details, "decompressed_too_large");
  }
}

TEST_F(DecompressionTest, ABombIsRefusedByItsRatioLongBeforeTheLimit) {
  h_.Add(&MakeDecompression, "max_bytes: 1073741824 max_ratio: 50");
  const std::string bomb(32 << 20, '\0');
  for (const auto& [coding, encode] :
       {std::pair{"gzip", &Gzip}, std::pair{"br", &Brotli}, std::pair{"zstd", &Zstd}}) {
    Post(coding, {encode(bomb)});
    EXPECT_EQ(h_.reply().status, 413) << coding;
    EXPECT_LT(h_.request_body().size(), 4u << 20) << coding;
  }
}

TEST_F(DecompressionTest, AShortBodyMayInflateAsMuchAsItLikes) {
  h_.Add(&MakeDecompression, "max_ratio: 2");
  Post("gzip", {Gzip(std::string(60'000, 'a'))});
  EXPECT_EQ(h_.request_body().size(), 60'000u);
}

TEST_F(DecompressionTest, WhatIsNotOfItsCodingIsABadRequest) {
  h_.Add(&MakeDecompression);
  for (const char* coding : {"gzip", "br", "zstd"}) {
    Post(coding, {"certainly none of these, and long enough to show"});
    EXPECT_EQ(h_.reply().status, 400) << coding;
    EXPECT_STREQ(h_.reply().details, "decompression_failed");
  }
}

TEST_F(DecompressionTest, ABodyThatIsCutIsABadRequest) {
  h_.Add(&MakeDecompression);
  for (std::string body : {Gzip("hello"), Brotli("hello"), Zstd("hello")}) {
    const char* coding = body[0] == '\x1f' ? "gzip" : body[0] == '\x28' ? "zstd" : "br";
    body.pop_back();
    Post(coding, {body});
    EXPECT_EQ(h_.reply().status, 400) << coding;
  }
}

TEST_F(DecompressionTest, BytesBehindABrotliBodyAreABadRequest) {
  h_.Add(&MakeDecompression);
  Post("br", {Brotli("hello") + "x"});
  EXPECT_EQ(h_.reply().status, 400);
}

}  // namespace
}  // namespace sluice::plugins
