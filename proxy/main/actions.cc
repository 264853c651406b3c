#include "proxy/main/actions.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/log.h"
#include "proxy/http/fields.h"

namespace sluice::main {
namespace {

using server::Page;

Page Text(int status, std::string text) {
  return {status, "text/plain; charset=utf-8", text + "\n"};
}

Page ChangeLogLevel(absl::string_view query) {
  const absl::string_view name = http::FindQueryParameter(query, "level");
  const std::optional<LogLevel> level = ParseLogLevel(name);
  if (!level.has_value()) {
    return Text(400, absl::StrCat("level: want debug, info, warning or error, got \"", name, "\""));
  }
  const LogLevel before = GetLogLevel();
  SetLogLevel(*level);
  return Text(200, absl::StrCat("log level ", name, ", was ", LogLevelName(before)));
}

}  // namespace

Page Actions::Press(const std::string& query) const {
  const absl::string_view text = http::FindQueryParameter(query, "pressure");
  double percent = 0;
  if (!absl::SimpleAtod(text, &percent) || !(percent >= 0 && percent <= 100)) {
    return Text(400, absl::StrCat("pressure: want 0 to 100, got \"", text, "\""));
  }
  if (!press_(percent)) return Text(409, "off: --no-overload-protection");
  return Text(200, absl::StrCat("as if ", text, "% were used"));
}

void Actions::GetPage(const std::string& target, absl::AnyInvocable<void(Page)> done) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(target, absl::MaxSplits('?', 1));
  if (parts.first == "/drain") {
    return done(drain_() ? Text(202, "draining") : Text(200, "already draining"));
  }
  if (parts.first == "/log-level") return done(ChangeLogLevel(parts.second));
  if (parts.first == "/overload") return done(Press(parts.second));
  done(Text(404, "/drain\n/overload?pressure=0..100\n/log-level?level=debug|info|warning|error"));
}

}  // namespace sluice::main
