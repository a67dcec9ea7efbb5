# Dot-sourced by every part: the module's path, processes of their own, and how a failure is told.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$invariant = [cultureinfo]::InvariantCulture
$modulePath = "$([IO.Path]::GetFullPath("$PSScriptRoot/../../artifacts/module/Cifar10Ps"))"
# Files that made something fail; they stay.
$kept = [IO.Path]::GetFullPath("$PSScriptRoot/../../artifacts/soak")
# This PowerShell, which is a program of dotnet where it is its tool.
$powershell = @([Environment]::ProcessPath) + $((Split-Path -LeafBase ([Environment]::ProcessPath)) -eq 'dotnet' ? "$PSHOME/pwsh.dll" : @())
# A network that is quick to read and to use.
$tiny = { Convolution 4; Norm; ReLU; MaxPool 2; AveragePool; Linear }

function Write-Failure([string] $What, [string] $File) {
    if ($File) {
        $null = New-Item $kept -ItemType Directory -Force
        $copy = "$kept/$([DateTime]::Now.ToString('HHmmssfff', $invariant))-$(Split-Path -Leaf $File)"
        Copy-Item -LiteralPath $File $copy
        $What += " The file: $copy"
    }
    "FAILED: $($What -replace '\s+', ' ')"
}

# Starts a script in a process of its own. Launcher: a program that starts it, with its arguments. An empty value removes a variable.
function Start-Shell([string] $Script, [object[]] $Arguments, [hashtable] $Environment = @{}, [string[]] $Launcher = @()) {
    $command = @($Launcher) + $powershell + '-NoProfile', '-NonInteractive', '-File', $Script + $Arguments
    $start = [Diagnostics.ProcessStartInfo]::new($command[0], [string[]] $command[1..($command.Count - 1)])
    $start.RedirectStandardInput = $start.RedirectStandardOutput = $start.RedirectStandardError = $true
    $variables = @{ NO_COLOR = '1'; TERM = 'dumb'; POWERSHELL_TELEMETRY_OPTOUT = '1'; POWERSHELL_UPDATECHECK = 'Off' } + $Environment
    foreach ($name in $variables.Keys) {
        if ($variables[$name]) { $start.Environment[$name] = $variables[$name] } else { $null = $start.Environment.Remove($name) }
    }
    $process = [Diagnostics.Process]::Start($start)
    $process.StandardInput.Close()
    $process
}

# Waits for the end of a process: its exit code, its lines, and what it wrote to the error stream.
function Wait-Shell([Diagnostics.Process] $Process, [int] $Seconds = 300) {
    $output, $errors = $Process.StandardOutput.ReadToEndAsync(), $Process.StandardError.ReadToEndAsync()
    $ended = $Process.WaitForExit($Seconds * 1000)
    if (!$ended) { $Process.Kill($true) }
    [pscustomobject]@{
        ExitCode = $ended ? $Process.ExitCode : "none after $Seconds seconds"
        Lines = @($output.Result -split '\r?\n' | Where-Object { $_ })
        Errors = $errors.Result.Trim()
    }
}

# An HTTP server on this machine, which is to be closed, and its address. What answers gets a response.
function Start-Server([scriptblock] $Answer) {
    $server = [Net.HttpListener]::new()
    $address = "http://127.0.0.1:$([Random]::new().Next(20000, 60000))/"
    $server.Prefixes.Add($address)
    $server.Start()
    $null = Start-ThreadJob {
        $server, $answer = $using:server, [scriptblock]::Create($using:Answer)
        while ($server.IsListening) {
            $response = $server.GetContext().Response
            try { & $answer $response } catch { $response.Abort() }
        }
    }
    $server
    $address
}

function Get-Hash([string] $Path) { [Convert]::ToHexString([Security.Cryptography.SHA256]::HashData([IO.File]::ReadAllBytes($Path))) }

# A log without the times, which differ between runs.
function Get-Log([string] $Path) { (Get-Content -LiteralPath $Path -Raw) -replace '"elapsed_time": [^\s,}]+' }

# The id of the error that ends a script, with the cmdlet that reports it; empty: there was none.
function Get-ErrorId([scriptblock] $Script) {
    try { $null = & $Script } catch { $_.FullyQualifiedErrorId }
}

# Whether an error is one that the module declares.
function Test-Declared([Management.Automation.ErrorRecord] $Record) {
    $Record.Exception.GetType().Name -eq 'EngineException' -and $Record.FullyQualifiedErrorId -match '^\w+,Cifar10Ps\.'
}
