#include "proxy/plugins/compression/plugin.h"

#include <brotli/decode.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "proxy/plugins/testing/plugin_harness.h"
#include "sluice/plugins/v1/compression.pb.h"

namespace sluice::plugins {
namespace {

std::string Gunzip(const std::string& in) {
  z_stream stream{};
  inflateInit2(&stream, MAX_WBITS + 16);
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  // A flushed beginning is as good as a whole: what can be decoded of it.
  inflate(&stream, Z_SYNC_FLUSH);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

std::string Unbrotli(const std::string& in) {
  std::string out(1 << 20, '\0');
  size_t size = out.size();
  const auto result =
      BrotliDecoderDecompress(in.size(), reinterpret_cast<const uint8_t*>(in.data()), &size,
                              reinterpret_cast<uint8_t*>(out.data()));
  return result == BROTLI_DECODER_RESULT_SUCCESS ? out.substr(0, size) : "not brotli";
}

std::string Unzstd(const std::string& in) {
  std::string out(1 << 20, '\0');
  const size_t size = ZSTD_decompress(out.data(), out.size(), in.data(), in.size());
  return ZSTD_isError(size) ? "not zstd" : out.substr(0, size);
}

const std::string& Page() {
  static const auto& page = *new std::string([] {
    std::string text;
    for (int i = 0; i < 2000; ++i) text += "line " + std::to_string(i) + " of a page\n";
    return text;
  }());
  return page;
}

class CompressionTest : public ::testing::Test {
 protected:
  CompressionTest() { SetResponse({}); }

  void Configure(absl::string_view config = "") {
    h_.Add([this](const v1::Compression& c) { return MakeCompression(c, store_); }, config);
  }
  // A page with these headers over the usual.
  void SetResponse(PluginHarness::HeaderList headers, int status = 200,
                   std::vector<std::string> pieces = {Page()}) {
    bool has_type = false;
    for (const auto& [name, value] : headers) has_type |= name == "content-type";
    if (!has_type) headers.emplace_back("content-type", "text/html; charset=utf-8");
    h_.SetUpstreamResponse(status, headers, std::move(pieces));
  }
  // The Content-Encoding of the response to this Accept-Encoding.
  std::string Ask(absl::string_view accepted, absl::string_view method = "GET") {
    h_.Request(method, "/", {{"accept-encoding", std::string(accepted)}});
    return Header("content-encoding");
  }
  std::string Header(absl::string_view name) {
    return std::string(h_.response().headers.Get(name));
  }

  std::shared_ptr<EncoderStore> store_ = std::make_shared<EncoderStore>();
  PluginHarness h_;
};

TEST_F(CompressionTest, EachCodingDecodesToWhatTheUpstreamSent) {
  Configure();
  ASSERT_EQ(Ask("gzip"), "gzip");
  EXPECT_EQ(Gunzip(h_.response_body()), Page());
  EXPECT_LT(h_.response_body().size(), Page().size() / 4);
  ASSERT_EQ(Ask("br"), "br");
  EXPECT_EQ(Unbrotli(h_.response_body()), Page());
  ASSERT_EQ(Ask("zstd"), "zstd");
  EXPECT_EQ(Unzstd(h_.response_body()), Page());
}

TEST_F(CompressionTest, EveryEffortDecodesAlikeFromOneStore) {
  for (int effort = 1; effort <= 5; ++effort) {
    PluginHarness h;
    h.Add([this](const v1::Compression& c) { return MakeCompression(c, store_); },
          "effort: " + std::to_string(effort));
    h.SetUpstreamResponse(200, {{"content-type", "text/css"}}, {Page().substr(0, 9000), Page()});
    for (const char* coding : {"gzip", "zstd", "gzip", "zstd"}) {
      h.Request("GET", "/", {{"accept-encoding", coding}});
      const std::string out =
          coding[0] == 'g' ? Gunzip(h.response_body()) : Unzstd(h.response_body());
      EXPECT_TRUE(out == Page().substr(0, 9000) + Page()) << coding << effort;
    }
  }
}

TEST_F(CompressionTest, WeightsDecideThenTheConfiguredOrder) {
  Configure("algorithms: [ALGORITHM_BROTLI, ALGORITHM_GZIP]");
  EXPECT_EQ(Ask("gzip, br, zstd"), "br");
  EXPECT_EQ(Ask("gzip;q=0.9, br;q=0.8"), "gzip");
  EXPECT_EQ(Ask("br;q=0, gzip"), "gzip");
  EXPECT_EQ(Ask("zstd"), "");
  EXPECT_EQ(Ask("*"), "br");
  EXPECT_EQ(Ask("br;q=0, *;q=0.1"), "gzip");
  EXPECT_EQ(Ask("X-Gzip"), "gzip");
  EXPECT_EQ(Ask("GZIP ; Q=0.001"), "gzip");
  EXPECT_EQ(Ask("identity, gzip;q=0.5"), "");
  EXPECT_EQ(Ask("identity;q=0.5, gzip"), "gzip");
  EXPECT_EQ(Ask("gzip;q=0"), "");
  EXPECT_EQ(Ask(""), "");
  EXPECT_EQ(Ask("gzip;q=2"), "");
  EXPECT_EQ(Ask("gzip;q=0.0001"), "");
}

TEST_F(CompressionTest, TheHeadSaysWhatBecameOfTheBody) {
  Configure();
  SetResponse({{"etag", "\"v1\""},
               {"accept-ranges", "bytes"},
               {"content-digest", "sha-256=:x:"},
               {"content-length", "38890"}});
  ASSERT_EQ(Ask("gzip"), "gzip");
  EXPECT_EQ(Header("etag"), "W/\"v1\"");
  EXPECT_EQ(Header("vary"), "accept-encoding");
  EXPECT_EQ(Header("accept-ranges"), "");
  EXPECT_EQ(Header("content-digest"), "");
  EXPECT_EQ(h_.response().body.kind, http::BodySize::Kind::kUnknown);
}

TEST_F(CompressionTest, AWeakEtagStaysWeak) {
  Configure();
  SetResponse({{"etag", "W/\"v1\""}});
  Ask("gzip");
  EXPECT_EQ(Header("etag"), "W/\"v1\"");
}

TEST_F(CompressionTest, ClientsThatTakeNoneGetTheBodyAndAreToldThatItVaries) {
  Configure();
  SetResponse({{"etag", "\"v1\""}});
  ASSERT_EQ(Ask("identity"), "");
  EXPECT_EQ(h_.response_body(), Page());
  EXPECT_EQ(Header("vary"), "accept-encoding");
  EXPECT_EQ(Header("etag"), "\"v1\"");
}

TEST_F(CompressionTest, AHeadIsToldWhatAGetIs) {
  Configure();
  SetResponse({{"etag", "\"v1\""}}, 200, {});
  ASSERT_EQ(Ask("br", "HEAD"), "br");
  EXPECT_EQ(Header("etag"), "W/\"v1\"");
  EXPECT_EQ(Header("vary"), "accept-encoding");
  EXPECT_EQ(h_.response_body(), "");
}

TEST_F(CompressionTest, WhatMustNotBeTouchedPasses) {
  Configure();
  const struct {
    int status;
    PluginHarness::HeaderList headers;
  } rows[] = {
      {206, {{"content-range", "bytes 0-9/99"}}},
      {200, {{"content-range", "bytes 0-9/99"}}},
      {200, {{"content-encoding", "br"}}},
      {200, {{"cache-control", "max-age=1, No-Transform"}}},
      {200, {{"content-type", "image/png"}}},
      {200, {{"content-type", ""}}},
  };
  for (const auto& row : rows) {
    SetResponse(row.headers, row.status);
    Ask("gzip");
    EXPECT_EQ(h_.response_body(), Page()) << row.headers[0].first;
    EXPECT_EQ(Header("vary"), "") << row.headers[0].first;
  }
}

TEST_F(CompressionTest, A304VariesAsIts200Does) {
  Configure();
  SetResponse({}, 304, {});
  EXPECT_EQ(Ask("gzip"), "");
  EXPECT_EQ(Header("vary"), "accept-encoding");
}

TEST_F(CompressionTest, ARequestThatWantsNoTransformationGetsNone) {
  Configure();
  h_.Request("GET", "/", {{"accept-encoding", "gzip"}, {"cache-control", "no-transform"}});
  EXPECT_EQ(h_.response_body(), Page());
}

TEST_F(CompressionTest, TheTypesAreThoseThatAreListed) {
  Configure("types: ['application/x-own', 'font/*']");
  for (const char* type : {"application/X-Own", "font/ttf", "application/x-own;a=b"}) {
    SetResponse({{"content-type", type}});
    EXPECT_EQ(Ask("gzip"), "gzip") << type;
  }
  for (const char* type : {"text/html", "application/x-own2", "fonts/ttf"}) {
    SetResponse({{"content-type", type}});
    EXPECT_EQ(Ask("gzip"), "") << type;
  }
}

TEST_F(CompressionTest, GrpcIsNeverCompressedAsAWhole) {
  Configure("types: '*'");
  SetResponse({{"content-type", "application/grpc+proto"}});
  EXPECT_EQ(Ask("gzip"), "");
  SetResponse({{"content-type", "image/png"}});
  EXPECT_EQ(Ask("gzip"), "gzip");
}

TEST_F(CompressionTest, ADeclaredLengthBelowTheLimitIsNotWorthIt) {
  Configure("min_bytes: 100");
  SetResponse({{"content-length", "99"}}, 200, {std::string(99, 'a')});
  EXPECT_EQ(Ask("gzip"), "");
  SetResponse({{"content-length", "100"}}, 200, {std::string(100, 'a')});
  EXPECT_EQ(Ask("gzip"), "gzip");
  SetResponse({{"content-length", "0"}}, 200, {});
  EXPECT_EQ(Ask("gzip"), "");
}

TEST_F(CompressionTest, EachPieceOfAStreamCanBeReadAtOnce) {
  Configure();
  for (const char* coding : {"gzip", "br", "zstd"}) {
    net::BlockPool pool(1 << 20);
    auto encoder = EncoderStore::Take(store_,
                                      coding[0] == 'g'   ? Coding::kGzip
                                      : coding[0] == 'b' ? Coding::kBrotli
                                                         : Coding::kZstd,
                                      2);
    net::Buffer out;
    ASSERT_TRUE(encoder->Encode("data: 1\n\n", Encoder::Until::kFlush, pool, out));
    EXPECT_GE(out.size(), 9u) << coding;
  }
  SetResponse({{"content-type", "text/event-stream"}}, 200, {"data: 1\n\n", "data: 2\n\n"});
  ASSERT_EQ(Ask("gzip"), "gzip");
  EXPECT_EQ(Gunzip(h_.response_body()), "data: 1\n\ndata: 2\n\n");
}

TEST_F(CompressionTest, TheUpstreamMayBeKeptFromCompressing) {
  Configure("hide_accept_encoding: true");
  EXPECT_EQ(Ask("gzip"), "gzip");
  EXPECT_EQ(h_.request().headers.Find("accept-encoding"), nullptr);
}

TEST_F(CompressionTest, AnEncoderIsUsedAgainForTheNextBody) {
  const Encoder* first;
  {
    const auto lent = EncoderStore::Take(store_, Coding::kZstd, 2);
    first = lent.get();
  }
  EXPECT_EQ(EncoderStore::Take(store_, Coding::kZstd, 3).get(), first);
}

TEST(EncoderStoreTest, NoEncoderIsLentToTwoThreadsAtOnce) {
  const auto store = std::make_shared<EncoderStore>();
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&store, &wrong, t] {
      net::BlockPool pool(1 << 20);
      const std::string body(100 + static_cast<size_t>(t), static_cast<char>('a' + t));
      for (int i = 0; i < 200; ++i) {
        const auto encoder = EncoderStore::Take(store, Coding::kGzip, 1 + i % 5);
        net::Buffer out;
        wrong += !encoder->Encode(body, Encoder::Until::kMore, pool, out) ||
                 !encoder->Encode("", Encoder::Until::kEnd, pool, out) ||
                 Gunzip(out.ToString()) != body;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace sluice::plugins
