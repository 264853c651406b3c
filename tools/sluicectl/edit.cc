// A file in a folder of its own that only this user can read, an editor, and an apply that expects
// what was edited. What was refused is kept, with the problems as comments on top, until it is
// accepted or the editor leaves it as it is.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api/resource/files.h"
#include "api/resource/yaml.h"
#include "base/status_macros.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/input.h"
#include "tools/sluicectl/print.h"
#include "tools/sluicectl/wait.h"

namespace sluice::sluicectl {
namespace {

constexpr absl::string_view kMark = "#! ";  // Before a problem, so that it can be taken out again.

// The file that is edited.
class Draft {
 public:
  static absl::StatusOr<Draft> Make(const std::string& name) {
    const char* folder = std::getenv("TMPDIR");
    std::string path =
        absl::StrCat(folder != nullptr && *folder != '\0' ? folder : "/tmp", "/sluicectl-XXXXXX");
    if (mkdtemp(path.data()) == nullptr) {
      return absl::UnavailableError(absl::StrCat("cannot make a folder like ", path));
    }
    return Draft(path, absl::StrCat(path, "/", name, ".yaml"));
  }

  const std::string& path() const { return path_; }

  absl::Status Write(absl::string_view text) const {
    std::ofstream file(path_, std::ios::binary | std::ios::trunc);
    file.write(text.data(), static_cast<std::streamsize>(text.size()));
    file.close();
    if (file) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat("cannot write ", path_));
  }

  absl::StatusOr<std::string> Read() const {
    std::ifstream file(path_, std::ios::binary);
    if (!file) return absl::UnavailableError(absl::StrCat("cannot read ", path_));
    return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }

  void Remove() const {
    unlink(path_.c_str());
    rmdir(folder_.c_str());
  }

 private:
  Draft(std::string folder, std::string path)
      : folder_(std::move(folder)), path_(std::move(path)) {}

  std::string folder_;
  std::string path_;
};

// Runs the editor as git does: what $EDITOR says may have arguments.
absl::Status RunEditor(const std::string& path) {
  std::string editor = "vi";
  for (const char* name : {"EDITOR", "VISUAL"}) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') editor = value;
  }
  const std::string script = editor + " \"$@\"";
  const pid_t child = fork();
  if (child == 0) {
    execl("/bin/sh", "sh", "-c", script.c_str(), editor.c_str(), path.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    return absl::UnavailableError(absl::StrCat("cannot start the editor ", editor));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  return absl::CancelledError(absl::StrCat("the editor ", editor, " failed; nothing was changed"));
}

std::string WithoutProblems(absl::string_view text) {
  std::string kept;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::StartsWith(line, kMark)) absl::StrAppend(&kept, line, "\n");
  }
  // The text ended with a newline, or now does.
  if (absl::EndsWith(text, "\n")) kept.pop_back();
  return kept;
}

std::string WithProblems(const absl::Status& refusal, absl::string_view text) {
  std::string top = absl::StrCat(kMark, "refused; leave this as it is to give up\n");
  std::vector<resource::Problem> problems = ProblemsOf(refusal);
  for (resource::Problem& problem : problems) {
    problem.file.clear();  // Lines move with these comments.
    absl::StrAppend(&top, kMark, resource::ToString(problem), "\n");
  }
  if (problems.empty()) absl::StrAppend(&top, kMark, refusal.message(), "\n");
  return top + std::string(text);
}

// What mending the text can help.
bool IsWorthAnotherTry(const absl::Status& refusal) {
  return refusal.code() == absl::StatusCode::kInvalidArgument ||
         refusal.code() == absl::StatusCode::kFailedPrecondition;
}

class Edit final : public Command {
 public:
  void AddFlags(Flags& flags) override {
    flags.String("message", "WHY", "for the history", &message_);
    flags.Letter('m', "message");
    wait_.Add(flags);
  }

  absl::StatusOr<ExitStatus> Run(const std::vector<std::string>& arguments,
                                 Client& client) override {
    ASSIGN_OR_RETURN(const resource::Kind kind, ReadKind(arguments[0]));
    key_ = {kind, "", arguments[1]};
    v1::GetRequest request;
    *request.mutable_key() = resource::ToProto(key_);
    ASSIGN_OR_RETURN(const v1::GetResponse stored, client.Get(request));
    expect_ = stored.generation();
    ASSIGN_OR_RETURN(const Draft draft, Draft::Make(key_.name));
    const absl::StatusOr<ExitStatus> result =
        EditUntilAccepted(draft, resource::ToYaml(stored.resource()), client);
    if (result.ok()) {
      draft.Remove();
    } else {
      PrintError(absl::StrCat("what was edited is kept in ", draft.path(), "\n"));
    }
    return result;
  }

 private:
  absl::StatusOr<ExitStatus> EditUntilAccepted(const Draft& draft, std::string text,
                                               Client& client) {
    absl::Status refusal;
    while (true) {
      RETURN_IF_ERROR(draft.Write(refusal.ok() ? text : WithProblems(refusal, text)));
      RETURN_IF_ERROR(RunEditor(draft.path()));
      ASSIGN_OR_RETURN(const std::string edited_file, draft.Read());
      const std::string edited = WithoutProblems(edited_file);
      if (edited == text) {
        if (!refusal.ok()) return refusal;
        Print("unchanged\n");
        return ExitStatus::kDone;
      }
      text = edited;
      absl::StatusOr<v1::ApplyResponse> response = Apply(text, client);
      if (response.ok()) return wait_.PrintAndFinish(*response, client);
      if (!IsWorthAnotherTry(response.status())) return response.status();
      refusal = response.status();
    }
  }

  absl::StatusOr<v1::ApplyResponse> Apply(const std::string& text, Client& client) const {
    resource::ReadOptions options = ReadingHere();
    options.file = "edited.yaml";
    resource::ReadResult read = resource::ReadText(text, options);
    if (!read.problems.empty()) return ProblemsError(AllProblems(read, client));
    if (read.resources.size() != 1 || resource::KeyOf(read.resources[0].resource) != key_) {
      return absl::InvalidArgumentError(
          absl::StrCat("want one resource, and that ", key_.ToString(), ": kind and name stay"));
    }
    v1::ApplyRequest::Options apply;
    apply.set_expect(expect_);
    apply.set_message(message_);
    apply.set_author(Author());
    return client.Apply(apply, std::move(read.resources));
  }

  // Flags.
  std::string message_;
  WaitFlags wait_;

  // What is edited, and as of when.
  resource::Key key_;
  uint64_t expect_ = 0;
};

}  // namespace

std::unique_ptr<Command> MakeEdit() { return std::make_unique<Edit>(); }

}  // namespace sluice::sluicectl
