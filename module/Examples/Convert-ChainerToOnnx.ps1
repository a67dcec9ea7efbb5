<#
.SYNOPSIS
Converts a model of the original Chainer program to ONNX for other runtimes.

.DESCRIPTION
Reads a file of chainer.serializers.save_npz, or a snapshot of a run, says what it found, and writes a graph that takes
the bytes of pictures and gives probabilities. Without a model it makes an untrained one, so that there is something to
convert.

.PARAMETER Path
The model (resnet20.model) or snapshot (snapshot_iter_391) of Chainer. By default resnet20.model in the current folder,
which is made where it is missing.

.PARAMETER Destination
The graph to write. An existing file is replaced.

.PARAMETER Classes
The class names, which a file of Chainer has no place for. A model for ten classes gets those of CIFAR-10.

.EXAMPLE
dotnet run --project src/Cifar10Ps.Host -- module/Examples/Convert-ChainerToOnnx.ps1 -Path resnet20.model -Destination resnet20.onnx
#>
[CmdletBinding()]
param(
    [string] $Path,
    [string] $Destination = './resnet20.onnx',
    [string[]] $Classes
)

$ErrorActionPreference = 'Stop'
Import-Module Cifar10Ps

if (-not $Path) {
    $Path = './resnet20.model'
    if (-not (Test-Path $Path)) {
        Write-Warning "No model was given: '$Path' becomes an untrained one."
        New-ResNet20 -Shortcut ProjectionOnly | Export-Model $Path
    }
}

$names = @{}
if ($Classes) { $names.Classes = $Classes }
$model = Import-Model -LiteralPath $Path @names -Verbose
$model | Out-Default

$model | Export-Model -LiteralPath $Destination -IncludePreprocessing -Force
$size = "$($model.Preprocessing.Height), $($model.Preprocessing.Width)"
"'$Destination' takes pixels, bytes [batch, $size, 3], and gives a probability for each of: $($model.Classes -join ', ')"
