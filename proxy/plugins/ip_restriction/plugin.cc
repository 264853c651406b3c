#include "proxy/plugins/ip_restriction/plugin.h"

#include <optional>
#include <utility>

#include "proxy/plugins/field_error.h"
#include "sluice/plugins/v1/ip_restriction.pb.h"

namespace sluice::plugins {
namespace {

using Texts = google::protobuf::RepeatedPtrField<std::string>;

absl::Status AddAll(const Texts& texts, absl::string_view field, match::IpRanges& ranges) {
  for (int i = 0; i < texts.size(); ++i) {
    if (const std::optional<match::Flaw> flaw = ranges.Add(texts[i])) {
      return FieldError(absl::StrCat(field, "[", i, "]"), *flaw);
    }
  }
  ranges.Seal();
  return absl::OkStatus();
}

}  // namespace

bool IpRestriction::IsAllowed(const net::IpAddress& client) const {
  if (settings_.deny.Contains(client.bytes())) return false;
  return settings_.allow.empty() || settings_.allow.Contains(client.bytes());
}

Action IpRestriction::OnRequestHead(Stream& stream) {
  if (IsAllowed(stream.client_ip())) return Action::kContinue;
  stream.Reply({.status = 403, .details = "ip_denied", .body = settings_.message});
  return Action::kStop;
}

absl::StatusOr<Instance> MakeIpRestriction(const v1::IpRestriction& config) {
  IpRestriction::Settings settings;
  absl::Status status = AddAll(config.allow(), "allow", settings.allow);
  if (status.ok()) status = AddAll(config.deny(), "deny", settings.deny);
  if (!status.ok()) return status;
  settings.message = config.message();
  return Instantiate<IpRestriction>(std::move(settings));
}

}  // namespace sluice::plugins
