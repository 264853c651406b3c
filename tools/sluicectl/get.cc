#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "api/resource/json.h"
#include "api/resource/yaml.h"
#include "base/status_macros.h"
#include "google/protobuf/timestamp.pb.h"
#include "tools/sluicectl/columns.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/input.h"
#include "tools/sluicectl/print.h"
#include "tools/sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

using resource::Kind;

void PrintResources(Kind kind, const std::vector<v1::Resource>& resources, Format format) {
  if (format == Format::kYaml) {
    for (size_t i = 0; i < resources.size(); ++i) {
      Print(absl::StrCat(i > 0 ? "---\n" : "", resource::ToYaml(resources[i])));
    }
  } else if (format == Format::kJson) {
    Print(resource::ToJson(resources) + "\n");
  } else {
    Table table(TitlesOf(kind));
    for (const v1::Resource& resource : resources) table.Add(CellsOf(kind, resource));
    if (table.empty()) {
      PrintError("none\n");
      return;
    }
    Print(table.ToString());
  }
}

std::string TimeLeft(const v1::ListedEndpoint& endpoint) {
  if (!endpoint.has_expires_at()) return "";
  const absl::Time end = absl::FromUnixSeconds(endpoint.expires_at().seconds()) +
                         absl::Nanoseconds(endpoint.expires_at().nanos());
  return DurationText(std::max(absl::ZeroDuration(), end - absl::Now()));
}

class Get final : public Command {
 public:
  void AddFlags(Flags& flags) override {
    flags.Strings("label", "KEY=VALUE,...", "only resources with these labels", &labels_);
    flags.Letter('l', "label");
    flags.Uint("generation", "G", "as it was in that generation", &generation_);
    format_.Add(flags);
  }

  absl::StatusOr<ExitStatus> Run(const std::vector<std::string>& arguments,
                                 Client& client) override {
    ASSIGN_OR_RETURN(const Format format, format_.Read());
    const std::string what = absl::AsciiStrToLower(arguments[0]);
    const std::string name = arguments.size() > 1 ? arguments[1] : "";
    if (what == "endpoints" || what == "endpoint") return GetEndpoints(name, format, client);
    if (what == "all" && !name.empty()) return UsageError("all: a name needs a kind");
    Kind kind = Kind::kNone;
    if (what != "all") {
      ASSIGN_OR_RETURN(kind, ReadKind(what));
    }
    if (name.empty()) return GetAll(kind, format, client);
    if (!labels_.empty()) return UsageError("-l: does not stand with a name");
    return GetOne({kind, "", name}, format, client);
  }

 private:
  absl::StatusOr<ExitStatus> GetOne(const resource::Key& key, Format format, Client& client) {
    v1::GetRequest request;
    *request.mutable_key() = resource::ToProto(key);
    request.set_generation(generation_);
    ASSIGN_OR_RETURN(const v1::GetResponse response, client.Get(request));
    if (format == Format::kJson) {
      Print(resource::ToJson(response.resource()) + "\n");
    } else {
      PrintResources(key.kind, {response.resource()}, format);
    }
    return ExitStatus::kDone;
  }

  absl::StatusOr<ExitStatus> GetAll(Kind kind, Format format, Client& client) {
    v1::ListRequest request;
    request.set_kind(std::string(resource::KindName(kind)));
    request.set_generation(generation_);
    for (const std::string& label : labels_) request.add_labels(label);
    std::vector<v1::Resource> resources;
    RETURN_IF_ERROR(client.List(request, [&resources](const v1::ListResponse& part) {
      resources.insert(resources.end(), part.resources().begin(), part.resources().end());
      return true;
    }));
    PrintResources(kind, resources, format);
    return ExitStatus::kDone;
  }

  absl::StatusOr<ExitStatus> GetEndpoints(const std::string& upstream, Format format,
                                          Client& client) {
    if (!labels_.empty() || generation_ != 0) {
      return UsageError("endpoints have neither labels nor generations: no -l, no --generation");
    }
    v1::ListEndpointsRequest request;
    request.set_upstream(upstream);
    std::vector<v1::ListedEndpoint> endpoints;
    RETURN_IF_ERROR(client.ListEndpoints(request, [&](const v1::ListedEndpoint& endpoint) {
      endpoints.push_back(endpoint);
      return true;
    }));
    if (format != Format::kTable) {
      Print(ListText("endpoints", endpoints, format));
      return ExitStatus::kDone;
    }
    Table table(
        {"UPSTREAM", "ADDRESS", "WEIGHT", "PRIORITY", "ZONE", "LABELS", "SOURCE", "TIME LEFT"});
    for (const v1::ListedEndpoint& endpoint : endpoints) {
      table.Add({endpoint.upstream(), endpoint.address(), absl::StrCat(endpoint.weight()),
                 absl::StrCat(endpoint.priority()), endpoint.zone(), LabelsCell(endpoint.labels()),
                 endpoint.owner().empty() ? "configuration" : endpoint.owner(),
                 TimeLeft(endpoint)});
    }
    table.empty() ? PrintError("none\n") : Print(table.ToString());
    return ExitStatus::kDone;
  }

  std::vector<std::string> labels_;
  uint64_t generation_ = 0;
  FormatFlag format_;
};

}  // namespace

std::unique_ptr<Command> MakeGet() { return std::make_unique<Get>(); }

}  // namespace sluice::sluicectl
