// Base64 as it comes and goes in pieces (RFC 4648 section 4).
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "proxy/net/buffer.h"

namespace sluice::plugins {

// Decodes a text in any pieces. Padding may stand inside, at the end of what the sender flushed.
class Base64Decoder {
 public:
  // Appends the bytes of all groups of four that are whole. False: no base64.
  bool Decode(absl::string_view text, net::BlockPool& pool, net::Buffer& out);
  // Whether nothing is left of a group.
  bool is_complete() const { return count_ == 0; }

 private:
  uint32_t group_ = 0;  // The digits of the group so far.
  int count_ = 0;       // How many, padding included.
  int padding_ = 0;
};

// Appends the text of `bytes`, padded: a receiver can decode it before more comes.
void EncodeBase64(const net::Buffer& bytes, net::BlockPool& pool, net::Buffer& out);

}  // namespace sluice::plugins
