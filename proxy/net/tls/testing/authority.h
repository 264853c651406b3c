// A certificate authority for tests: makes keys and certificates on the spot.
#pragma once

#include <openssl/base.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <string>
#include <vector>

namespace sluice::net::tls::testing {

class Authority {
 public:
  // Good for so many seconds, or ten days.
  explicit Authority(const std::string& name, int seconds = 0);

  struct Wish {
    std::string common_name;
    std::vector<std::string>
        names;  // As OpenSSL writes them: "DNS:a.example", "URI:x://y", "IP:..."
    bool is_rsa = false;
    int days = 1;     // Negative: expired so many days ago.
    int seconds = 0;  // Unless 0, good for so long instead.
  };
  struct Issued {
    std::string chain_pem;
    std::string key_pem;
  };
  Issued Issue(const Wish& wish);

  // Its own certificate.
  const std::string& pem() const { return pem_; }

 private:
  bssl::UniquePtr<EVP_PKEY> key_;
  bssl::UniquePtr<X509> certificate_;
  std::string pem_;
  long next_serial_ = 2;
};

}  // namespace sluice::net::tls::testing
