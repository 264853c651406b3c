#include "controlplane/seal/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "controlplane/seal/random.h"

namespace sluice::seal {
namespace {

constexpr size_t kMaxFileBytes = 64 << 10;

absl::Status Refusal(const std::string& path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("seal key file ", path, ": ", why));
}

absl::Status SystemError(const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("seal key file ", path));
}

absl::StatusOr<std::string> ReadPrivateFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return SystemError(path);
  const absl::Cleanup close_it = [fd] { close(fd); };
  struct stat about;
  if (fstat(fd, &about) != 0) return SystemError(path);
  // The group's bits say nothing: with an access list, as systemd makes for credentials, they are
  // its mask.
  if ((about.st_mode & S_IRWXO) != 0) {
    return Refusal(path, "anybody on this machine may read it; want chmod 600");
  }
  std::string text(kMaxFileBytes, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t more = read(fd, text.data() + size, text.size() - size);
    if (more < 0 && errno != EINTR) return SystemError(path);
    if (more == 0) break;
    if (more > 0) size += static_cast<size_t>(more);
  }
  text.resize(size);
  return text;
}

absl::Status WriteWhole(int fd, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno != EINTR) return absl::ErrnoToStatus(errno, "write");
    if (written > 0) text.remove_prefix(static_cast<size_t>(written));
  }
  return fsync(fd) == 0 ? absl::OkStatus() : absl::ErrnoToStatus(errno, "fsync");
}

absl::Status SyncFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return SystemError(path);
  const absl::Cleanup close_it = [fd] { close(fd); };
  return fsync(fd) == 0 ? absl::OkStatus() : SystemError(path);
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseKeys(absl::string_view text) {
  std::vector<std::string> keys;
  size_t number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    const bool is_hex =
        std::all_of(line.begin(), line.end(), [](char c) { return absl::ascii_isxdigit(c) != 0; });
    if (!is_hex || line.size() != 2 * kKeyBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": want ", 2 * kKeyBytes,
                       " hexadecimal digits, as of: openssl rand -hex ", kKeyBytes));
    }
    keys.push_back(absl::HexStringToBytes(line));
  }
  if (keys.empty()) return absl::InvalidArgumentError("there is no key in it");
  return keys;
}

absl::StatusOr<std::unique_ptr<const Sealer>> ReadKeyFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadPrivateFile(path));
  const absl::StatusOr<std::vector<std::string>> keys = ParseKeys(text);
  if (!keys.ok()) return Refusal(path, keys.status().message());
  return std::make_unique<const Sealer>(*keys);
}

absl::Status CreateKeyFile(const std::string& path) {
  // Whole or not at all: half a key would be read at the next start.
  const std::string unfinished = path + ".unfinished";
  if (unlink(unfinished.c_str()) != 0 && errno != ENOENT) return SystemError(path);
  const int fd = open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return SystemError(path);
  const std::string key = RandomBytes(kKeyBytes);
  const absl::Status written = WriteWhole(
      fd,
      absl::StrCat("# Seals what sluice-controlplane keeps on disk. Without it nothing of that\n"
                   "# can be read: keep a copy, and not beside the copies of the data.\n"
                   "# The key ",
                   KeyName(key), ":\n", absl::BytesToHexString(key), "\n"));
  close(fd);
  if (!written.ok()) return written;
  // Not over one that has come to be there.
  if (link(unfinished.c_str(), path.c_str()) != 0) return SystemError(path);
  unlink(unfinished.c_str());
  return SyncFolderOf(path);
}

}  // namespace sluice::seal
