return { answer = undefined_answer } --> undefined-global
