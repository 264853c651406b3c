#include "controlplane/tls/server_files.h"

#include <gnutls/x509.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace sluice::tls {
namespace {

// More is no certificate.
constexpr size_t kMaxFileBytes = size_t{4} << 20;
constexpr unsigned kMaxChain = 16;
constexpr int64_t kLookEveryNs = 1'000'000'000;

absl::Status Wrong(const std::string& path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (file) content << file.rdbuf();
  if (!file) {
    return Wrong(path, absl::StrCat("cannot be read: ",
                                    errno == 0 ? "it is no file" : std::strerror(errno)));
  }
  std::string text = content.str();
  if (text.empty()) return Wrong(path, "is empty");
  if (text.size() > kMaxFileBytes) return Wrong(path, "is too large to be PEM");
  return text;
}

gnutls_datum_t DatumOf(const std::string& text) {
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(text.data())),
          static_cast<unsigned>(text.size())};
}

// What identifies the public key of one of a pair.
template <typename Get>
std::string KeyId(Get get) {
  unsigned char id[64];
  size_t size = sizeof(id);
  if (get(id, &size) < 0) return "";
  return std::string(reinterpret_cast<const char*>(id), size);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ServerMaterial>> ServerMaterial::Load(
    const ServerPaths& paths) {
  std::shared_ptr<ServerMaterial> material(new ServerMaterial());
  RETURN_IF_ERROR(material->Read(paths));
  RETURN_IF_ERROR(material->ParseChain(paths.certificate));
  RETURN_IF_ERROR(material->ParseKey(paths.key));
  RETURN_IF_ERROR(material->CheckPair(paths));
  if (!paths.client_ca.empty()) RETURN_IF_ERROR(material->ParseTrust(paths.client_ca));
  return std::shared_ptr<const ServerMaterial>(std::move(material));
}

ServerMaterial::~ServerMaterial() {
  for (gnutls_pcert_st& certificate : chain_) gnutls_pcert_deinit(&certificate);
  if (private_key_ != nullptr) gnutls_privkey_deinit(private_key_);
  if (trust_ != nullptr) gnutls_x509_trust_list_deinit(trust_, 1);
  // The key is not to be found in what is used next.
  explicit_bzero(key_.data(), key_.size());
}

absl::Status ServerMaterial::Read(const ServerPaths& paths) {
  ASSIGN_OR_RETURN(certificate_, ReadFile(paths.certificate));
  ASSIGN_OR_RETURN(key_, ReadFile(paths.key));
  if (!paths.client_ca.empty()) {
    ASSIGN_OR_RETURN(client_ca_, ReadFile(paths.client_ca));
  }
  return absl::OkStatus();
}

absl::Status ServerMaterial::ParseChain(const std::string& path) {
  const gnutls_datum_t pem = DatumOf(certificate_);
  unsigned count = kMaxChain;
  std::vector<gnutls_pcert_st> chain(count);
  if (gnutls_pcert_list_import_x509_raw(chain.data(), &count, &pem, GNUTLS_X509_FMT_PEM, 0) < 0) {
    return Wrong(path, "no chain of certificates in PEM (-----BEGIN CERTIFICATE-----)");
  }
  chain.resize(count);
  chain_ = std::move(chain);
  return absl::OkStatus();
}

absl::Status ServerMaterial::ParseKey(const std::string& path) {
  const gnutls_datum_t pem = DatumOf(key_);
  gnutls_privkey_init(&private_key_);
  if (gnutls_privkey_import_x509_raw(private_key_, &pem, GNUTLS_X509_FMT_PEM, nullptr, 0) < 0) {
    return Wrong(path, "no private key in PEM without a password (-----BEGIN PRIVATE KEY-----)");
  }
  return absl::OkStatus();
}

absl::Status ServerMaterial::CheckPair(const ServerPaths& paths) const {
  gnutls_pubkey_t of_key = nullptr;
  gnutls_pubkey_init(&of_key);
  const bool is_public = gnutls_pubkey_import_privkey(of_key, private_key_, 0, 0) >= 0;
  const std::string wanted = KeyId([&](unsigned char* id, size_t* size) {
    return is_public ? gnutls_pubkey_get_key_id(of_key, GNUTLS_KEYID_USE_SHA256, id, size) : -1;
  });
  const std::string got = KeyId([&](unsigned char* id, size_t* size) {
    return gnutls_pubkey_get_key_id(chain_[0].pubkey, GNUTLS_KEYID_USE_SHA256, id, size);
  });
  gnutls_pubkey_deinit(of_key);
  if (!wanted.empty() && wanted == got) return absl::OkStatus();
  return Wrong(paths.key,
               absl::StrCat("is not the key of the first certificate in ", paths.certificate));
}

absl::Status ServerMaterial::ParseTrust(const std::string& path) {
  const gnutls_datum_t pem = DatumOf(client_ca_);
  gnutls_x509_trust_list_init(&trust_, 0);
  if (gnutls_x509_trust_list_add_trust_mem(trust_, &pem, nullptr, GNUTLS_X509_FMT_PEM, 0, 0) <= 0) {
    return Wrong(path, "no certificates of authorities in PEM (-----BEGIN CERTIFICATE-----)");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ServerFiles>> ServerFiles::Open(ServerPaths paths,
                                                               const Clock& clock) {
  std::unique_ptr<ServerFiles> files(new ServerFiles(std::move(paths), clock));
  // First the stamps: what changes while it is read is read again.
  MutexLock lock(files->mu_);
  files->stamps_ = files->StampsOf();
  ASSIGN_OR_RETURN(files->current_, ServerMaterial::Load(files->paths_));
  files->looked_at_ns_ = clock.MonotonicNanos();
  return files;
}

ServerFiles::Stamp ServerFiles::StampOf(const std::string& path) {
  struct stat status;
  if (path.empty() || stat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino, status.st_size,
          status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
}

ServerFiles::Stamps ServerFiles::StampsOf() const {
  return {StampOf(paths_.certificate), StampOf(paths_.key), StampOf(paths_.client_ca)};
}

std::shared_ptr<const ServerMaterial> ServerFiles::Current() {
  MutexLock lock(mu_);
  const int64_t now_ns = clock_.MonotonicNanos();
  if (now_ns - looked_at_ns_ < kLookEveryNs) return current_;
  looked_at_ns_ = now_ns;
  const Stamps stamps = StampsOf();
  if (stamps == stamps_) return current_;
  stamps_ = stamps;
  absl::StatusOr<std::shared_ptr<const ServerMaterial>> renewed = ServerMaterial::Load(paths_);
  if (renewed.ok()) {
    LOG(INFO) << "TLS: took over the renewed " << paths_.certificate;
    current_ = *std::move(renewed);
  } else {
    LOG(ERROR) << "TLS: " << renewed.status().message() << "; what was read before stays";
  }
  return current_;
}

}  // namespace sluice::tls
