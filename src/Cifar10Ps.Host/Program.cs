using System.Text;
using Cifar10Ps.Host;

Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

var arguments = ScriptArguments.Parse(args);
if (arguments.Message is { } message)
{
    (arguments.ExitCode == 0 ? Console.Out : Console.Error).WriteLine(message);
    return arguments.ExitCode;
}

using var runner = new ScriptRunner();
return runner.Run(arguments);
