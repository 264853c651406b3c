#include "controlplane/main/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "controlplane/main/listen_address.h"

namespace sluice::main {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<Options> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "sluice-controlplane");
  return ParseOptions(static_cast<int>(arguments.size()), arguments.data());
}

std::string ErrorOf(std::vector<const char*> arguments) {
  return std::string(Parse(std::move(arguments)).status().message());
}

TEST(OptionsTest, OnlyTheDataDirectoryIsRequired) {
  EXPECT_THAT(ErrorOf({}), HasSubstr("--data-dir"));
  const absl::StatusOr<Options> options = Parse({"--data-dir", "d"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->grpc_listen.ToString(), "127.0.0.1:9400");
  EXPECT_EQ(options->http_listen.ToString(), "127.0.0.1:9480");
  EXPECT_EQ(options->history_keep, 10'000u);
  EXPECT_EQ(options->seal_key_file, "");
  EXPECT_EQ(Parse({"--data-dir", "d", "--seal-key-file", "k"})->seal_key_file, "k");
}

TEST(OptionsTest, ListeningOffThisMachineIsFineWhereClientsShowCertificates) {
  EXPECT_TRUE(Parse({"--data-dir", "d", "--grpc-listen", "0.0.0.0:9400", "--tls-cert", "c",
                     "--tls-key", "k", "--tls-client-ca", "a"})
                  .ok());
  EXPECT_THAT(ErrorOf({"--data-dir", "d", "--grpc-listen", "0.0.0.0:9400", "--tls-cert", "c",
                       "--tls-key", "k"}),
              HasSubstr("--tls-client-ca"));
}

TEST(OptionsTest, TicketKeysRotateWithinBounds) {
  const auto options = Parse({"--data-dir", "d", "--ticket-key-rotation", "1h"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->ticket_keys.rotation, absl::Hours(1));
  EXPECT_EQ(options->ticket_keys.keep, absl::Hours(24));
  EXPECT_THAT(ErrorOf({"--data-dir", "d", "--ticket-key-rotation", "59s"}),
              HasSubstr("between 1m and 168h"));
  EXPECT_THAT(ErrorOf({"--data-dir", "d", "--ticket-key-rotation", "169h"}),
              HasSubstr("between 1m and 168h"));
  EXPECT_THAT(ErrorOf({"--data-dir", "d", "--ticket-key-keep", "349h"}),
              HasSubstr("at most 29 times"));
}

TEST(OptionsTest, HalfOfTlsIsAMistake) {
  EXPECT_THAT(ErrorOf({"--data-dir", "d", "--tls-cert", "c"}), HasSubstr("--tls-key"));
  EXPECT_THAT(ErrorOf({"--data-dir", "d", "--tls-key", "k"}), HasSubstr("--tls-cert"));
  EXPECT_THAT(ErrorOf({"--data-dir", "d", "--tls-client-ca", "a"}), HasSubstr("--tls-cert"));
}

TEST(OptionsTest, ListeningOffThisMachineNeedsInsecure) {
  for (const char* address : {"0.0.0.0:9400", "[::]:9400", "10.0.0.1:9400"}) {
    EXPECT_THAT(ErrorOf({"--data-dir", "d", "--grpc-listen", address}), HasSubstr("--insecure"));
    EXPECT_THAT(ErrorOf({"--data-dir", "d", "--http-listen", address}), HasSubstr("--insecure"));
    EXPECT_TRUE(Parse({"--data-dir", "d", "--insecure", "--grpc-listen", address}).ok());
  }
  EXPECT_TRUE(Parse({"--data-dir", "d", "--grpc-listen", "[::1]:9400"}).ok());
}

TEST(OptionsTest, WhatIsWrongIsNamed) {
  EXPECT_THAT(ErrorOf({"--data-dir", "d", "--history-keep", "0"}), HasSubstr("--history-keep"));
  EXPECT_THAT(ErrorOf({"--data-dir", "d", "--grpc-listen", "9400"}), HasSubstr("--grpc-listen"));
  EXPECT_THAT(ErrorOf({"--data-dir", "d", "rest"}), HasSubstr("rest"));
  EXPECT_THAT(ErrorOf({"--data-dri", "d"}), HasSubstr("did you mean --data-dir"));
}

TEST(OptionsTest, HelpAndVersionNeedNothingElse) {
  EXPECT_TRUE(Parse({"--help"}).ok());
  EXPECT_TRUE(Parse({"--version"}).ok());
  EXPECT_THAT(HelpText(), HasSubstr("--data-dir DIR"));
}

TEST(ListenAddressTest, AddressesHaveOneForm) {
  EXPECT_EQ(ParseListenAddress("[0:0::1]:80")->ToString(), "[::1]:80");
  EXPECT_EQ(ParseListenAddress("localhost:80")->ToString(), "127.0.0.1:80");
  EXPECT_EQ(ParseListenAddress("127.0.0.1:0")->port, 0);
}

TEST(ListenAddressTest, WhatIsNoAddressIsRefused) {
  for (const char* text : {"", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "host:80",
                           "::1:80", "[127.0.0.1]:80", "127.0.0.1:-1"}) {
    EXPECT_FALSE(ParseListenAddress(text).ok()) << text;
  }
}

TEST(ListenAddressTest, APortThatIsTakenIsNamed) {
  ListenAddress first = *ParseListenAddress("127.0.0.1:0");
  const absl::StatusOr<int> fd = Listen(&first);
  ASSERT_TRUE(fd.ok());
  EXPECT_NE(first.port, 0);
  ListenAddress second = first;
  EXPECT_THAT(std::string(Listen(&second).status().message()),
              HasSubstr("cannot listen on " + first.ToString()));
  close(*fd);
}

}  // namespace
}  // namespace sluice::main
