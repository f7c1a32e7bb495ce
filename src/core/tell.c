/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tell.h"

static enum grebe_channelz_severity severity_of(enum grebe_log_level level)
{
    switch (level) {
    case GREBE_LOG_WARNING:
        return GREBE_CHANNELZ_WARNING;
    case GREBE_LOG_ERROR:
        return GREBE_CHANNELZ_ERROR;
    case GREBE_LOG_DEBUG:
    case GREBE_LOG_INFO:
        break;
    }
    return GREBE_CHANNELZ_INFO;
}

void grebe__tell(struct grebe__lb_host *host, struct grebe__channel_entity *entity,
                 enum grebe_log_level level, const struct grebe__happening *what)
{
    struct grebe__happening severe = *what;

    if (host->on_log != NULL) {
        char buf[GREBE__DESCRIPTION_MAX];
        struct grebe__text text = grebe__text_init(buf, sizeof buf);

        grebe__happening_append(&text, what);
        host->on_log(host->log_arg, level, buf);
    }
    severe.severity = (uint8_t)severity_of(level);
    grebe__book_tell(entity, host->env->now_ns, &severe);
}

void grebe__tell_plainly(struct grebe__lb_host *host,
                         struct grebe__channel_entity *entity, enum grebe_log_level level,
                         const struct grebe__phrase *phrase, const char *detail)
{
    const struct grebe__happening what = {.phrase = phrase, .of.text = detail};

    grebe__tell(host, entity, level, &what);
}

void grebe__tell_change(struct grebe__lb_host *host, struct grebe__channel_entity *entity,
                        const struct grebe__phrase *changes,
                        const struct grebe__phrase *fails, enum grebe_connectivity state,
                        const struct grebe_status *error)
{
    struct grebe__happening failure = {.phrase = fails, .detail = GREBE__DETAIL_COPIED};

    if (error == NULL) {
        grebe__tell_plainly(host, entity, GREBE_LOG_DEBUG, changes,
                            grebe_connectivity_name(state));
        return;
    }
    failure.of.text = error->message;
    grebe__tell(host, entity, GREBE_LOG_DEBUG, &failure);
}

void grebe__tell_text(struct grebe__lb_host *host, enum grebe_log_level level,
                      enum grebe_log_level kept_from, const char *text)
{
    static const struct grebe__phrase nothing_else = {"", ""};
    const struct grebe__happening what = {
        .phrase = &nothing_else, .of.text = text, .detail = GREBE__DETAIL_COPIED};

    grebe__tell(host, level >= kept_from ? host->entity : NULL, level, &what);
}
