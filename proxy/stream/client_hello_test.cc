#include "proxy/stream/client_hello.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace sluice::stream {
namespace {

using Status = ClientHello::Status;

std::string Number(size_t bytes, size_t number) {
  std::string text;
  while (bytes-- > 0) text += static_cast<char>(number >> 8 * bytes & 0xff);
  return text;
}

std::string Vector(size_t bytes, const std::string& content) {
  return Number(bytes, content.size()) + content;
}

std::string Record(const std::string& fragment) { return "\x16\x03\x01" + Vector(2, fragment); }

std::string Extension(size_t type, const std::string& content) {
  return Number(2, type) + Vector(2, content);
}

std::string NameExtension(const std::string& name) {
  return Extension(0, Vector(2, Number(1, 0) + Vector(2, name)));
}

// Without the length of the extensions there are none.
std::string Message(const std::string& extensions) {
  return "\x01" + Vector(3, "\x03\x03" + std::string(32, 'r') + Vector(1, std::string(32, 's')) +
                                Vector(2, "\x13\x01") + Vector(1, std::string(1, '\0')) +
                                Vector(2, extensions));
}

ClientHello Parse(absl::string_view bytes) { return ClientHello::Parse(bytes); }

// What BoringSSL sends to a server of this name.
std::string HelloOf(const char* name) {
  bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_method()));
  bssl::UniquePtr<SSL> ssl(SSL_new(context.get()));
  SSL_set_connect_state(ssl.get());
  if (name != nullptr) SSL_set_tlsext_host_name(ssl.get(), name);
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), in, out);
  SSL_do_handshake(ssl.get());
  const uint8_t* data;
  size_t size;
  BIO_mem_contents(out, &data, &size);
  return std::string(reinterpret_cast<const char*>(data), size);
}

// The message of `hello`, in records of so many bytes.
std::string InRecordsOf(size_t bytes, const std::string& hello) {
  std::string records;
  for (size_t at = 5; at < hello.size(); at += bytes) records += Record(hello.substr(at, bytes));
  return records;
}

TEST(ClientHelloTest, TheNameThatALibraryAsksForIsFound) {
  const ClientHello hello = Parse(HelloOf("Shop.example") + "what follows");
  EXPECT_EQ(hello.status, Status::kComplete);
  EXPECT_EQ(hello.server_name, "Shop.example");
}

TEST(ClientHelloTest, WhoAsksForNobodyIsUnderstood) {
  const ClientHello hello = Parse(HelloOf(nullptr));
  EXPECT_EQ(hello.status, Status::kComplete);
  EXPECT_EQ(hello.server_name, "");
}

TEST(ClientHelloTest, AMessageMayComeInRecordsOfAnySize) {
  const std::string hello = HelloOf("shop.example");
  for (const size_t size : {1u, 2u, 3u, 50u, 200u}) {
    const ClientHello parsed = Parse(InRecordsOf(size, hello));
    EXPECT_EQ(parsed.status, Status::kComplete) << size;
    EXPECT_EQ(parsed.server_name, "shop.example") << size;
  }
}

TEST(ClientHelloTest, UntilItIsThereItSaysWhenToLookAgain) {
  const std::string hello = InRecordsOf(100, HelloOf("shop.example"));
  for (size_t size = 0; size < hello.size(); ++size) {
    const ClientHello parsed = Parse(hello.substr(0, size));
    ASSERT_EQ(parsed.status, Status::kNeedsMore) << size;
    ASSERT_GT(parsed.needed, size);
    ASSERT_LE(parsed.needed, hello.size());
  }
}

TEST(ClientHelloTest, OfAnEncryptedHelloThePublicNameCounts) {
  constexpr size_t kEncryptedClientHello = 0xfe0d;
  const ClientHello hello = Parse(Record(Message(
      Extension(kEncryptedClientHello, std::string(200, 'e')) + NameExtension("public.example"))));
  EXPECT_EQ(hello.status, Status::kComplete);
  EXPECT_EQ(hello.server_name, "public.example");
}

TEST(ClientHelloTest, WhatIsNoTlsIsRefusedAtItsFirstBytes) {
  EXPECT_EQ(Parse("G").status, Status::kInvalid);
  EXPECT_EQ(Parse("\x80\x2e\x01\x03\x01").status, Status::kInvalid);  // SSL 2.
  EXPECT_EQ(Parse("\x16\x02").status, Status::kInvalid);
  EXPECT_EQ(Parse("\x15\x03\x01").status, Status::kInvalid);                 // An alert.
  EXPECT_EQ(Parse(absl::string_view("\x16\x03\x01\x00\x40\x02", 6)).status,  // Not a
            Status::kInvalid);                                               // client's.
  EXPECT_EQ(Parse(absl::string_view("\x16\x03\x01\x00\x00", 5)).status, Status::kInvalid);
  EXPECT_EQ(Parse(absl::string_view("\x16\x03\x01\x40\x01", 5)).status, Status::kInvalid);
}

TEST(ClientHelloTest, AMessageThatIsTooLongIsNotWaitedFor) {
  EXPECT_EQ(Parse(Record("\x01" + Number(3, 16 * 1024))).status, Status::kNeedsMore);
  EXPECT_EQ(Parse(Record("\x01" + Number(3, 16 * 1024 + 1))).status, Status::kInvalid);
  // Six bytes on the wire for one of the message.
  std::string small = Record("\x01") + Record(Number(3, 16 * 1024));
  while (small.size() < ClientHello::kMaxBytes) small += Record("x");
  EXPECT_EQ(Parse(small).status, Status::kInvalid);
}

TEST(ClientHelloTest, AMessageThatIsNotWholeIsInvalid) {
  const std::string message = Message(NameExtension("a.example"));
  // Each length within it promises more than there is, or less.
  for (size_t size = 4; size < message.size(); ++size) {
    const std::string cut = "\x01" + Vector(3, message.substr(4, size - 4));
    const bool ends_before_extensions = size == 4 + 2 + 32 + 33 + 4 + 2;
    EXPECT_EQ(Parse(Record(cut)).status,
              ends_before_extensions ? Status::kComplete : Status::kInvalid)
        << size;
  }
  EXPECT_EQ(Parse(Record("\x01" + Vector(3, message.substr(4) + "x"))).status, Status::kInvalid);
}

TEST(ClientHelloTest, ANameThatIsNoneIsInvalid) {
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("a:443"), std::string("a\0b", 3),
        std::string("*.example"), std::string("\xc3\xa4"), std::string(256, 'a')}) {
    EXPECT_EQ(Parse(Record(Message(NameExtension(name)))).status, Status::kInvalid) << name;
  }
  EXPECT_EQ(Parse(Record(Message(NameExtension(std::string(255, 'a'))))).status, Status::kComplete);
}

TEST(ClientHelloTest, TwoNamesAreInvalid) {
  const std::string name = Number(1, 0) + Vector(2, "a");
  EXPECT_EQ(Parse(Record(Message(NameExtension("a") + NameExtension("b")))).status,
            Status::kInvalid);
  EXPECT_EQ(Parse(Record(Message(Extension(0, Vector(2, name + name))))).status, Status::kInvalid);
  EXPECT_EQ(Parse(Record(Message(Extension(0, Vector(2, name) + "x")))).status, Status::kInvalid);
  EXPECT_EQ(Parse(Record(Message(Extension(0, "")))).status, Status::kInvalid);
  const std::string other_type = Number(1, 1) + Vector(2, "a");
  EXPECT_EQ(Parse(Record(Message(Extension(0, Vector(2, other_type))))).status, Status::kInvalid);
}

}  // namespace
}  // namespace sluice::stream
