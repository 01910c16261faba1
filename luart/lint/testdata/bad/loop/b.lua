return require "loop.a" --> module-loop
