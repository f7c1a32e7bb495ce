/* SPDX-License-Identifier: Apache-2.0 */
/* sample [openmetrics] -- prints an exposition that has one of everything, with values that
 * parsed_test.py knows.  It plays the channel itself, through the interface of recorders. */
#include <stdio.h>
#include <string.h>

#include <grebe/memory_recorder.h>

static const char *const labels[] = {"grpc.target", "test.text"};
static const double bounds[] = {-1, 0, 0.00001, 0.065, 1, 1048576, 4294967296};

#define INSTRUMENT(kind_, name_, unit_)                                                  \
    {                                                                                    \
        .api = GREBE_METRICS_API, .kind = (kind_), .name = (name_),                      \
        .description = "A \"quoted\" word, a \\ and\na second line", .unit = (unit_),    \
        .labels = labels, .n_labels = 2, .is_on_by_default = true                        \
    }

static const struct grebe_instrument counter =
    INSTRUMENT(GREBE_INSTRUMENT_COUNTER, "test.calls", "{call}");
static const struct grebe_instrument bytes =
    INSTRUMENT(GREBE_INSTRUMENT_COUNTER, "test.traffic", "By");
static const struct grebe_instrument balance =
    INSTRUMENT(GREBE_INSTRUMENT_UP_DOWN_COUNTER, "test.open", "{connection}");
static const struct grebe_instrument level =
    INSTRUMENT(GREBE_INSTRUMENT_GAUGE, "test.level", "1");

static const struct grebe_instrument spread = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_HISTOGRAM,
    .name = "test.time",
    .description = "Time",
    .unit = "s",
    .bounds = bounds,
    .n_bounds = sizeof bounds / sizeof bounds[0],
    .labels = labels,
    .n_labels = 2,
    .is_on_by_default = true,
};

static struct grebe_recorder *recorder;

static void *series(const struct grebe_instrument *instrument, const char *text)
{
    const char *const values[] = {"dns:///host:443", text};
    const struct grebe_series_info info = {instrument, values, false};
    void *made = NULL;

    recorder->ops->open(recorder, &info, &made);
    return made;
}

static void write_out(void *arg, const char *text, size_t length)
{
    fwrite(text, 1, length, arg);
}

int main(int argc, char **argv)
{
    bool wants_open_metrics = argc > 1 && strcmp(argv[1], "openmetrics") == 0;
    struct grebe_memory_recorder *memory;
    static const double times[] = {-3, 0, 0.00001, 0.5, 2, 1e12};

    if (grebe_memory_recorder_new(NULL, &memory) != GREBE_OK)
        return 1;
    recorder = grebe_memory_recorder_base(memory);
    recorder->ops->add(recorder, series(&counter, "plain"), 9007199254740992);
    recorder->ops->add(recorder, series(&counter, "a\\b \"c\"\nd \xc3\xa9,{}= \xff"), 1);
    recorder->ops->add(recorder, series(&counter, ""), 0);
    recorder->ops->add(recorder, series(&bytes, "x"), 4096);
    recorder->ops->add(recorder, series(&balance, "x"), -2);
    recorder->ops->set(recorder, series(&level, "x"), 0.1 + 0.2);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        recorder->ops->record(recorder, series(&spread, "x"), times[i]);
    grebe_memory_recorder_write(memory,
                                wants_open_metrics ? GREBE_EXPOSITION_OPENMETRICS
                                                   : GREBE_EXPOSITION_PROMETHEUS,
                                write_out, stdout);
    grebe_memory_recorder_unref(memory);
    return 0;
}
