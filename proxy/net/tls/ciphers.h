// Which versions, ciphers and groups are spoken, on either side.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>

namespace sluice::net::tls {

// False if BoringSSL refuses, which it does to versions that it does not know.
bool UseSafeSettings(SSL_CTX* context, uint16_t min_version, uint16_t max_version);

}  // namespace sluice::net::tls
