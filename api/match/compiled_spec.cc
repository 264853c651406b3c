#include "api/match/compiled_spec.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/match/host.h"

namespace sluice::match {
namespace {

bool IsHeaderName(absl::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) ||
           absl::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) !=
               absl::string_view::npos;
  });
}

}  // namespace

// Takes the fields one after another, and goes on after a problem to find all.
class SpecCompiler {
 public:
  SpecCompiler(const RouteSpec& spec, std::vector<SpecProblem>* problems)
      : spec_(spec), problems_(*problems) {}

  std::shared_ptr<const CompiledSpec> Run() {
    Hosts();
    Paths();
    auto predicates = std::make_unique<Predicates>();
    Methods(&predicates->methods);
    Named("headers", spec_.headers, &predicates->headers);
    Named("query", spec_.query, &predicates->query);
    Named("cookies", spec_.cookies, &predicates->cookies);
    ClientIps(&predicates->client_ips);
    if (!problems_.empty()) return nullptr;
    std::shared_ptr<CompiledSpec> result(new CompiledSpec());
    Texts(result.get());
    result->priority_ = spec_.priority;
    result->predicate_count_ = predicates->count();
    if (result->predicate_count_ > 0) result->predicates_ = std::move(predicates);
    return result;
  }

 private:
  void Report(std::string field, Flaw flaw) {
    problems_.push_back({std::move(field), std::move(flaw.problem), std::move(flaw.want)});
  }

  // Reports `key` where an earlier element of the list has the same; `first` remembers them.
  void ReportRepeated(absl::string_view list, size_t index, const std::string& key,
                      std::map<std::string, size_t>* first) {
    const auto [at, is_new] = first->emplace(key, index);
    if (is_new) return;
    Report(absl::StrCat(list, "[", index, "]"),
           {absl::StrCat("says the same as ", list, "[", at->second, "]"), "each only once"});
  }

  void Hosts() {
    std::map<std::string, size_t> first;
    for (size_t i = 0; i < spec_.hosts.size(); ++i) {
      std::string canonical;
      if (auto flaw = ParseHost(spec_.hosts[i], &canonical)) {
        Report(absl::StrCat("hosts[", i, "]"), *flaw);
        continue;
      }
      ReportRepeated("hosts", i, canonical, &first);
      hosts_.push_back(std::move(canonical));
    }
  }

  void Paths() {
    std::map<std::string, size_t> first;
    for (size_t i = 0; i < spec_.paths.size(); ++i) {
      ParsedPath path;
      if (auto flaw = ParsePath(spec_.paths[i], &path)) {
        Report(absl::StrCat("paths[", i, "]"), *flaw);
        continue;
      }
      ReportRepeated("paths", i, PathShape(spec_.paths[i], path.kind), &first);
      paths_.push_back(std::move(path));
    }
  }

  void Methods(MethodSet* methods) {
    std::map<std::string, size_t> first;
    for (size_t i = 0; i < spec_.methods.size(); ++i) {
      if (auto flaw = methods->Add(spec_.methods[i])) {
        Report(absl::StrCat("methods[", i, "]"), *flaw);
      } else {
        ReportRepeated("methods", i, spec_.methods[i], &first);
      }
    }
  }

  void ClientIps(IpRanges* ranges) {
    for (size_t i = 0; i < spec_.client_ips.size(); ++i) {
      if (auto flaw = ranges->Add(spec_.client_ips[i])) {
        Report(absl::StrCat("client_ips[", i, "]"), *flaw);
      }
    }
    ranges->Seal();
  }

  void Named(absl::string_view field, const std::map<std::string, std::string>& wanted,
             std::vector<NamedPredicate>* predicates) {
    const bool is_header = field == "headers";
    for (const auto& [name, text] : wanted) {
      const std::string path = absl::StrCat(field, ".", name);
      if (is_header ? !IsHeaderName(name) : name.empty()) {
        Report(path, {absl::StrCat("is not a name, got \"", name, "\""),
                      is_header ? "a header name such as \"x-team\"" : "a name"});
        continue;
      }
      NamedPredicate predicate;
      predicate.name = is_header ? absl::AsciiStrToLower(name) : name;
      if (auto flaw = predicate.value.Parse(text)) Report(path, *flaw);
      predicates->push_back(std::move(predicate));
    }
    std::sort(predicates->begin(), predicates->end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    for (size_t i = 1; i < predicates->size(); ++i) {
      const std::string& name = (*predicates)[i].name;
      if (name != (*predicates)[i - 1].name) continue;
      Report(absl::StrCat(field, ".", name),
             {"is there twice: upper and lower case make no difference in header names",
              "each only once"});
    }
  }

  // Copies all texts into one block and points the result's views there.
  void Texts(CompiledSpec* result) {
    static constexpr absl::string_view kEveryPath = "/*";
    std::vector<absl::string_view> texts = {spec_.name};
    texts.insert(texts.end(), hosts_.begin(), hosts_.end());
    for (const std::string& path : spec_.paths) texts.push_back(path);
    if (paths_.empty()) {
      texts.push_back(kEveryPath);
      paths_.push_back({PathKind::kPattern, nullptr});
    }
    size_t size = 0;
    for (absl::string_view text : texts) size += text.size();
    result->text_.reset(new char[size]);
    char* out = result->text_.get();
    for (absl::string_view& text : texts) {
      std::copy(text.begin(), text.end(), out);
      text = absl::string_view(out, text.size());
      out += text.size();
    }
    result->name_ = texts[0];
    const auto hosts_end = texts.begin() + 1 + static_cast<ptrdiff_t>(hosts_.size());
    result->hosts_.assign(texts.begin() + 1, hosts_end);
    result->paths_.reserve(paths_.size());
    for (size_t i = 0; i < paths_.size(); ++i) {
      result->paths_.push_back(
          {hosts_end[static_cast<ptrdiff_t>(i)], paths_[i].kind, std::move(paths_[i].regex)});
    }
  }

  const RouteSpec& spec_;
  std::vector<SpecProblem>& problems_;
  std::vector<std::string> hosts_;
  std::vector<ParsedPath> paths_;  // In step with spec_.paths.
};

absl::StatusOr<std::shared_ptr<const CompiledSpec>> Compile(const RouteSpec& spec,
                                                            std::vector<SpecProblem>* problems) {
  std::vector<SpecProblem> found;
  std::shared_ptr<const CompiledSpec> result = SpecCompiler(spec, &found).Run();
  if (result != nullptr) return result;
  const std::string message = absl::StrJoin(found, "; ", [](std::string* out, const auto& problem) {
    absl::StrAppend(out, problem.field, ": ", problem.problem);
    if (!problem.want.empty()) absl::StrAppend(out, ", want ", problem.want);
  });
  if (problems != nullptr) problems->insert(problems->end(), found.begin(), found.end());
  return absl::InvalidArgumentError(message);
}

}  // namespace sluice::match
