/* What parent and child say to each other. Private to this folder. */
#pragma once

enum outlet_message {
    /* parent to child */
    MESSAGE_SINK_START =
        1,              /* its declaration, JSON; descriptors: its own folder, the state folder */
    MESSAGE_SINK_FILE,  /* an option's name; descriptor: the file that the option names */
    MESSAGE_SINK_GO,    /* connect, with these files */
    MESSAGE_SINK_STORE, /* a store's name; descriptor: its folder */
    MESSAGE_SINK_STOP,
    /* child to parent */
    MESSAGE_SINK_READY, /* after the first GO */
};

/* The child's code for: this cannot work, and starting again is no help. */
#define EXIT_SINK_IMPOSSIBLE 3
