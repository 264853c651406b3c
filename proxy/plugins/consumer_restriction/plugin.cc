#include "proxy/plugins/consumer_restriction/plugin.h"

#include <utility>

#include "sluice/plugins/v1/consumer_restriction.pb.h"

namespace sluice::plugins {
namespace {

ConsumerRestriction::Subjects ReadSubjects(const v1::ConsumerRestriction::Subjects& config) {
  ConsumerRestriction::Subjects subjects;
  subjects.consumers.insert(config.consumers().begin(), config.consumers().end());
  subjects.groups.insert(config.consumer_groups().begin(), config.consumer_groups().end());
  return subjects;
}

}  // namespace

Action ConsumerRestriction::OnRequestHead(Stream& stream) {
  const absl::string_view consumer = stream.consumer_name();
  if (consumer.empty()) {
    // No plugin asked who it is, or else that one would have answered. So there is no challenge
    // that would help, and a 401 must have one (RFC 9110 section 15.5.2).
    stream.Reply({.status = 403, .details = "consumer_unknown"});
    return Action::kStop;
  }
  const absl::string_view group = stream.consumer_group();
  const bool is_denied = settings_.deny.Contain(consumer, group) ||
                         (!settings_.allow.empty() && !settings_.allow.Contain(consumer, group));
  if (!is_denied) return Action::kContinue;
  stream.Reply({.status = 403, .details = "consumer_denied"});
  return Action::kStop;
}

absl::StatusOr<Instance> MakeConsumerRestriction(const v1::ConsumerRestriction& config) {
  ConsumerRestriction::Settings settings;
  settings.allow = ReadSubjects(config.allow());
  settings.deny = ReadSubjects(config.deny());
  return Instantiate<ConsumerRestriction>(std::move(settings));
}

}  // namespace sluice::plugins
