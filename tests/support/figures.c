/* SPDX-License-Identifier: Apache-2.0 */
#include "support/figures.h"

#include "support/test.h"

void figures_init(struct figures *figures, const char *const *labels)
{
    static const char *const all[] = {"*"};
    struct grebe_memory_recorder_options options = GREBE_MEMORY_RECORDER_OPTIONS_INIT;

    options.mem = test_mem_init(&figures->mem);
    options.enables = all;
    options.n_enables = 1;
    options.optional_labels = labels == NULL ? all : labels;
    options.n_optional_labels = labels == NULL;
    while (labels != NULL && labels[options.n_optional_labels] != NULL)
        options.n_optional_labels++;
    assert_int_equal(grebe_memory_recorder_new(&options, &figures->memory), GREBE_OK);
    figures->recorder = grebe_memory_recorder_base(figures->memory);
}

void figures_fini(struct figures *figures)
{
    assert_int_equal(figures->recorder->refs, 1);
    grebe_memory_recorder_unref(figures->memory);
    assert_int_equal(figures->mem.n_live, 0);
}

struct question {
    const char *instrument;
    char *text;
    size_t used;
};

static void append(struct question *question, const char *text)
{
    size_t length = strlen(text);

    assert_true(question->used + length < FIGURES_TEXT);
    memcpy(question->text + question->used, text, length + 1);
    question->used += length;
}

static void append_series(void *arg, const struct grebe_figures *figures)
{
    struct question *question = arg;
    char value[64];

    if (strcmp(figures->instrument->name, question->instrument) != 0)
        return;
    if (question->used > 0)
        append(question, "; ");
    for (size_t i = 0; i < figures->n_labels; i++) {
        append(question, figures->values[i]);
        append(question, i + 1 < figures->n_labels ? "," : " ");
    }
    switch (figures->instrument->kind) {
    case GREBE_INSTRUMENT_COUNTER:
    case GREBE_INSTRUMENT_UP_DOWN_COUNTER:
        snprintf(value, sizeof value, "%lld", (long long)figures->sum);
        break;
    case GREBE_INSTRUMENT_GAUGE:
        snprintf(value, sizeof value, "%g", figures->value);
        break;
    case GREBE_INSTRUMENT_HISTOGRAM:
        snprintf(value, sizeof value, "%llu/%g", (unsigned long long)figures->count,
                 figures->value);
        break;
    }
    append(question, value);
}

const char *figures_of(struct figures *figures, const char *instrument)
{
    struct question question = {.instrument = instrument, .text = figures->text};

    figures->text[0] = '\0';
    grebe_memory_recorder_each(figures->memory, append_series, &question);
    return figures->text;
}

const char *figures_exposition(struct figures *figures, enum grebe_exposition exposition)
{
    size_t length = grebe_memory_recorder_format(figures->memory, exposition,
                                                 figures->text, sizeof figures->text);

    assert_true(length < sizeof figures->text);
    return figures->text;
}
