#include <algorithm>
#include <cctype>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/jobs/get.hpp"
#include "tools/commands.hpp"
#include "tools/notes.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"
#include "tools/values.hpp"

namespace kvctl::cli {
namespace {

using Order = mvcc::RangeRequest::Order;
using Target = mvcc::RangeRequest::Target;

struct GetOptions {
    jobs::GetRequest request;
    bool keys_only = false;
    bool count_only = false;
    bool value_only = false;
    bool decode = false;
    bool reveal_secrets = false;
    Output output;
};

// etcdctl takes these words in any case.
template <class Value>
Value pick(const Parsed& parsed, const std::string& option, Value otherwise,
           const std::vector<std::pair<std::string, Value>>& words) {
    const auto given = parsed.value(option);
    if (!given) return otherwise;
    std::string upper = *given;
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    std::string list;
    for (const auto& [word, value] : words) {
        if (word == upper) return value;
        list += (list.empty() ? "" : ", ") + word;
    }
    throw usage_error(fmt::format("--{}: '{}' is not one of {}", option, escape(*given), list));
}

void parse_range(const Parsed& parsed, GetOptions& o) {
    parsed.at_most_one_of({"prefix", "from-key"});
    const bool prefix = parsed.has("prefix");
    const bool from_key = parsed.has("from-key");
    const std::vector<std::string>& operands = parsed.operands();
    parsed.expect_operands(2, prefix || from_key ? 2 : 3,
                           prefix || from_key ? "KEY STORE" : "KEY [END] STORE");
    mvcc::RangeRequest& r = o.request.range;
    r.key = operands.front();
    if (prefix) r.end = mvcc::prefix_end(r.key);
    if (from_key) r.end = "";
    // As in etcd, an open range from the empty key begins behind it.
    if (r.end && r.key.empty()) r.key = std::string(1, '\0');
    // An empty END is none.
    if (operands.size() == 3 && !operands[1].empty()) r.end = operands[1];
    if (!r.end) o.request.key = r.key;
}

GetOptions parse_get(const Args& args, const Io& io) {
    const Parsed parsed = parse(get_options(), args);
    GetOptions o;
    o.output = output_of(parsed, io);
    parse_range(parsed, o);
    parsed.at_most_one_of({"keys-only", "count-only"});
    o.keys_only = parsed.has("keys-only");
    o.count_only = parsed.has("count-only");
    o.value_only = parsed.has("print-value-only");
    o.decode = parsed.has("decode");
    o.reveal_secrets = parsed.has("reveal-secrets");
    if (o.reveal_secrets && !o.decode) throw usage_error("--reveal-secrets goes with --decode");
    if (o.value_only && o.output.format != Format::text) {
        throw usage_error("--print-value-only is for text; JSON has the value as a field");
    }
    if (const auto v = parsed.value("rev")) o.request.range.at = parse_revision("--rev", *v);
    if (const auto v = parsed.value("limit")) o.request.range.limit = parse_u64("--limit", *v);
    o.request.range.order =
        pick<Order>(parsed, "order", Order::none, {{"ASCEND", Order::ascend}, {"DESCEND", Order::descend}});
    o.request.range.target = pick<Target>(parsed, "sort-by", Target::key,
                                          {{"CREATE", Target::create},
                                           {"KEY", Target::key},
                                           {"MODIFY", Target::modify},
                                           {"VALUE", Target::value},
                                           {"VERSION", Target::version}});
    return o;
}

}  // namespace

OptionTable get_options() {
    return join(
        {{{"Range",
           {
               word("rev", "N", "read at revision N (default 0: the current one)"),
               flag("prefix", "all keys that begin with KEY"),
               flag("from-key", "all keys from KEY on, in byte order"),
               word("limit", "N", "at most N keys (default 0: all)"),
               offering("ASCEND|DESCEND", word("order", "ASCEND|DESCEND", "order of the result")),
               offering("CREATE|KEY|MODIFY|VALUE|VERSION",
                        word("sort-by", "CREATE|KEY|MODIFY|VALUE|VERSION", "what to order by (default KEY)")),
           }},
          {"Result",
           {
               flag("keys-only", "leave the values out"),
               flag("count-only", "only how many keys there are"),
               flag("print-value-only", "only the values"),
               flag("decode", "values as Kubernetes objects, YAML-like in text"),
               flag("reveal-secrets", "with --decode: the data of Secrets too"),
           }}},
         store_options(),
         output_options()});
}

int get(const Args& args, Io& io) {
    const GetOptions options = parse_get(args, io);
    const Parsed parsed = parse(get_options(), args);
    const auto progress = make_progress(options.output, io);
    jobs::OpenedStore opened = open_behind_key(parsed);
    jobs::GetResult result = jobs::get(opened, options.request, progress.get());
    report::GetReport& report = result.report;
    report.keys_only = options.keys_only;
    report.count_only = options.count_only;
    report.value_only = options.value_only;
    report.decode = options.decode;
    report.reveal_secrets = options.reveal_secrets;
    report.to_terminal = io.out_is_terminal;
    write_notes(report.notes, opened.store->info().path, options.output, io);
    return write_report(report, options.output, io);
}

}  // namespace kvctl::cli
